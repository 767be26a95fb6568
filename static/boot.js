// Starts the page's program. It is a file because the page's content security policy refuses inline scripts, and a
// classic script because a module would not load at all in a sandboxed frame whose server sends no CORS headers.
"use strict";
(() => {
  const { program, wasm } = document.currentScript.dataset;
  const at = (path) => new URL(path, document.baseURI).href;
  // When the program panics it stops for good, without a word: this is the word.
  const stopped = (error) => {
    if (!(error instanceof WebAssembly.RuntimeError) || document.querySelector(".stopped")) return;
    const note = document.createElement("p");
    note.className = "stopped";
    note.role = "alert";
    note.textContent = "Kubehop has stopped: an error of the program, not of your files. Reload the page to go on.";
    document.body.prepend(note);
  };
  addEventListener("error", (event) => stopped(event.error));
  addEventListener("unhandledrejection", (event) => stopped(event.reason));
  import(at(program)).then((module) => module.default({ module_or_path: at(wasm) }));
})();
