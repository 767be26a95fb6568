// Defines the element <kube-hop>; docs/EMBEDDING.md says what it takes, does and tells. However many of them a page has,
// the program is loaded once, and not before the first of them is needed.
"use strict";
(() => {
  // The build writes the names of its files here.
  const FILES = { program: "page.js", wasm: "page_bg.wasm", styles: ["embed.css"] };
  const script = document.currentScript ?? document.querySelector('script[src*="kube-hop.js"]');
  const at = (name) => new URL(name, script.src).href;
  // What a link has behind its #, each as an attribute of the same name.
  const KEYS = ["s", "from", "to", "cni", "proxy", "via", "mtu", "fault", "seed", "size", "reply", "df", "do", "step", "z"];
  const LOOKS = ["theme", "controls", "view"];

  let program;
  const load = () =>
    (program ??= import(at(FILES.program)).then(async (module) => {
      await module.default({ module_or_path: at(FILES.wasm) });
      return module;
    }));

  const make = (name, properties) => Object.assign(document.createElement(name), properties);

  class KubeHop extends HTMLElement {
    static observedAttributes = [...KEYS, ...LOOKS];
    #root = this.attachShadow({ mode: "open" });
    #styled;
    #handle;
    #starting;
    #seen;
    // What was shown when the element was taken out of the document.
    #last;

    connectedCallback() {
      if (!this.#styled) {
        const links = FILES.styles.map((name) => make("link", { rel: "stylesheet", href: at(name) }));
        this.#styled = Promise.all(links.map((link) => new Promise((done) => (link.onload = link.onerror = done))));
        this.#root.append(...links, make("div", { id: "kubehop" }));
      }
      const when = this.getAttribute("load");
      if (when === "eager" || this.#last !== undefined) return this.#start();
      this.#poster();
      if (when !== "click") {
        this.#watch((isSeen) => isSeen && this.#start());
      }
    }

    disconnectedCallback() {
      this.#last = this.#handle?.state().state;
      this.#stop();
    }

    attributeChangedCallback(name, before, now) {
      if (!this.#handle || before === now) return;
      if (name === "step" && now && this.#handle.send("goTo", now)) return;
      if (LOOKS.includes(name)) this.#last = this.getState().state;
      this.#stop();
      this.#start();
    }

    next() { this.#send("next"); }
    previous() { this.#send("previous"); }
    play() { this.#send("play"); }
    pause() { this.#send("pause"); }
    goTo(step) { return this.#send("goTo", step); }
    setState(state) { return this.#send("setState", state); }
    getState() { return this.#handle?.state() ?? null; }

    #send(type, value = "") {
      return this.#handle?.send(type, String(value)) ?? false;
    }

    get #mount() {
      return this.#root.getElementById("kubehop");
    }

    #watch(seen) {
      this.#seen?.disconnect();
      this.#seen = new IntersectionObserver((entries) => seen(entries.at(-1).isIntersecting));
      this.#seen.observe(this);
    }

    // A picture until the program is there; what the author put inside the element, if anything.
    #poster(words = "Start the walk") {
      const dark = this.getAttribute("theme") === "dark";
      const src = this.getAttribute("poster") ?? at(dark ? "walk-dark.svg" : "walk-light.svg");
      const slot = make("slot");
      slot.append(make("img", { src, alt: "" }));
      const button = make("button", { textContent: words, onclick: () => this.#start() });
      const figure = make("figure", { className: "static" });
      figure.append(slot, button);
      this.#mount.replaceChildren(figure);
    }

    #fragment() {
      if (this.#last !== undefined) return this.#last;
      const pairs = [];
      for (const key of KEYS) {
        const value = this.getAttribute(key);
        // Several things can happen to the cluster, one after the other.
        const values = value === null ? [] : key === "do" ? value.split(";") : [value];
        for (const one of values) pairs.push(`${key}=${encodeURIComponent(one.trim())}`);
      }
      return pairs.length ? `v=1&${pairs.join("&")}` : "";
    }

    async #start() {
      if (this.#handle || this.#starting) return;
      const turn = (this.#starting = {});
      try {
        const [module] = await Promise.all([load(), this.#styled]);
        // It may have been taken out of the document, or begun anew, in the meantime.
        if (this.#starting !== turn) return;
        const looks = LOOKS.map((name) => `${name}=${this.getAttribute(name) ?? ""}`);
        const query = ["embed=1", ...looks].join("&");
        const fragment = this.#fragment();
        this.#last = undefined;
        this.#handle = module.mount(this.#mount, fragment, query, at("index.html"), (type, detail) => {
          if (type === "resize") this.style.setProperty("--kube-hop-height", `${detail.height}px`);
          this.dispatchEvent(new CustomEvent(type, { bubbles: true, composed: true, detail }));
        });
        this.#watch((isSeen) => isSeen || this.pause());
      } catch (reason) {
        // The next try begins at the beginning.
        program = undefined;
        this.#poster(`It did not start. Try again. (${reason})`);
      } finally {
        if (this.#starting === turn) this.#starting = undefined;
      }
    }

    #stop() {
      this.#seen?.disconnect();
      this.#starting = undefined;
      this.#handle?.unmount();
      this.#handle = undefined;
      // What is taken down in a later turn is taken down there.
      this.#mount?.replaceWith(make("div", { id: "kubehop" }));
    }
  }

  customElements.get("kube-hop") ?? customElements.define("kube-hop", KubeHop);
})();
