// Starts the page's program. It is a file because the page's content security policy refuses inline scripts, and a
// classic script because a module would not load at all in a sandboxed frame whose server sends no CORS headers.
"use strict";
(() => {
  const { program, wasm } = document.currentScript.dataset;
  const at = (path) => new URL(path, document.baseURI).href;
  import(at(program)).then((module) => module.default({ module_or_path: at(wasm) }));
})();
