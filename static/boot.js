// Starts the page's program, and speaks with the page in whose frame this one is (docs/EMBEDDING.md). It is a file because
// the page's content security policy refuses inline scripts, and a classic script because a module would not load at all
// in a sandboxed frame whose server sends no CORS headers.
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

  const root = document.getElementById("kubehop");
  const picture = root.querySelector("noscript").textContent;
  // Whom the page is embedded by, if by anyone: nobody else is told anything, and nobody else is listened to.
  const host = parent === window ? null : parent;
  // A cluster that somebody brought along is nobody else's business.
  const known = (detail) => ({ ...detail, state: detail.state.replace(/(^|&)z=[^&]*/, "") });
  const tell = (type, detail) => host?.postMessage({ v: 1, type, detail: known(detail) }, "*");

  const start = async () => {
    const module = await import(at(program));
    await module.default({ module_or_path: at(wasm) });
    return module.mount(root, undefined, location.search, location.href.split(/[?#]/)[0], tell);
  };
  // The picture of the default walk, with a word on why it stands still.
  const stand = (words) => {
    root.innerHTML = picture;
    root.querySelector("p").textContent = words;
    return root;
  };
  const fail = (reason) => {
    stand(`The page's program did not start, so this is only a picture of it. ${reason}`);
    host?.postMessage({ v: 1, type: "failed", reason: String(reason) }, "*");
  };

  let handle;
  const go = () => (handle ??= start()).catch(fail);
  if (/[?&]load=click(&|$)/.test(location.search)) {
    const button = document.createElement("button");
    button.textContent = "Start the walk";
    button.onclick = go;
    stand("").querySelector("p").replaceWith(button);
  } else {
    go();
  }

  if (!host) return;
  addEventListener("message", async ({ source, origin, data }) => {
    if (source !== host || data?.v !== 1 || typeof data.type !== "string" || data.type === "reply") return;
    const page = await go();
    if (!page) return;
    const { id, type, step, state } = data;
    const ok = type === "getState" || page.send(type, String(step ?? state ?? ""));
    const target = origin === "null" ? "*" : origin;
    host.postMessage({ v: 1, id, type: "reply", ok, detail: known(page.state()) }, target);
  });
})();
