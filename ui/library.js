// The knowledge panel's half in the tab: what is opened, what is typed, and files on their way to the library.
(() => {
  "use strict";
  const AT_ONCE = 2;
  const SEARCH_AFTER_MS = 250;
  const LOOK_EVERY_MS = 4000;
  const SILENT_MS = 15_000;
  const UPLOAD = "documents/upload";

  window.patinaLibrary = ({ here, views, send, $, $$, draw }) => {
    const kb = {
      tab: "documents", collection: "", document: "", query: "", status: "", rows: 0, passages: 0,
      question: "", asked: null, naming: "", entity: 0, watch: 0, streaming: false, heard: 0, emptying: 0, renamed: "",
    };
    const root = () => views.library;
    const panel = () => $(".panel.library", root());
    const value = (name) => $(`[data-static="${name}"]`, root())?.value.trim() ?? "";

    function fields(more = {}) {
      const asked = kb.tab === "search" ? (kb.asked ?? {}) : {};
      const named = kb.tab === "names" ? { naming: kb.naming, entity: kb.entity } : {};
      const { tab, document, query, status, rows, passages, watch } = kb;
      return { tab, collection: kb.collection, document, query, status, rows, passages, ...asked, ...named, watch, ...more };
    }
    // A drawing that goes on while something is read; one for another place, or an older one, is dropped when it comes.
    function look(more = {}) {
      kb.watch += 1;
      kb.streaming = true;
      kb.heard = Date.now();
      send("kb", fields(more));
    }
    function act(name, more = {}) {
      wrong("");
      send(name, fields(more));
    }
    // What is wrong with something a person did stands there until they do something else.
    function wrong(sentence) {
      const note = root() && $("[data-static=message]", root());
      if (!note) return;
      note.textContent = sentence;
      note.hidden = !sentence;
      if (sentence) note.scrollIntoView({ block: "nearest" });
    }

    function paint(drawn) {
      if (drawn.tab !== kb.tab || (drawn.watch ?? kb.watch) !== kb.watch) return;
      kb.heard = Date.now();
      if (drawn.fetched) {
        fetched(drawn.fetched);
        return;
      }
      draw(root(), drawn.html);
      uploadsDrawn();
      if (drawn.ended) kb.streaming = false;
      else if (drawn.working && !kb.streaming) look();
      if (drawn.error) wrong(drawn.error);
      else if (drawn.number === kb.emptying) emptied();
    }
    // What stands in the field, and which document it is where it was offered so: two may have one name.
    function documentOf(file) {
      const offered = $$("#kb-file-names option", root()).find((option) => option.value === file);
      return { file, file_id: file ? (offered?.dataset.id ?? "") : "" };
    }
    // The embedding model, on its way: while nothing else changes nothing else is drawn.
    function fetched({ percent, text }) {
      const work = $("[data-key=embedder]", root());
      const bar = work && $(".progress", work);
      if (!bar) return;
      bar.ariaValueNow = String(Math.round(percent));
      $("i", bar).style.width = `${percent}%`;
      $("small", work).textContent = text;
    }
    // What was typed goes once it has been taken, and stays where it was refused.
    function emptied() {
      kb.emptying = 0;
      if (kb.renamed) {
        kb.collection = kb.renamed;
        kb.renamed = "";
        look();
      }
      for (const box of $$("[data-static=box]", root())) hide(box, true);
      for (const field of $$("[data-static=text], [data-static=text-name], [data-static=address], [data-static=new-name], [data-static=folder-path], [data-static=folder-into]", root())) field.value = "";
    }
    function acted(name, more) {
      kb.renamed = "";
      act(name, more);
      kb.emptying = here.number;
    }
    function hide(box, hidden) {
      box.hidden = hidden;
      for (const button of $$(`[data-do=kb-toggle][data-box="${box.dataset.box}"]`, root())) button.ariaExpanded = String(!hidden);
    }

    // Something may change while nobody does anything: a watched folder, another tab, a terminal.
    setInterval(() => {
      const open = document.body.dataset.panel === "library" && document.visibilityState === "visible";
      if (kb.streaming && Date.now() - kb.heard > SILENT_MS) kb.streaming = false;
      if (open && !kb.streaming && kb.tab !== "search" && kb.tab !== "names") look();
    }, LOOK_EVERY_MS);

    // Files on their way

    const sending = { waiting: [], going: 0, done: 0, failed: [], skipped: 0, bytes: new Map(), total: 0, requests: new Set() };
    const box = () => $("[data-static=files]", root());

    function readable(name) {
      const ending = name.slice(name.lastIndexOf(".") + 1).toLowerCase();
      return name.includes(".") && panel().dataset.readable.split(" ").includes(ending);
    }
    function hidden(path) { return path.split("/").some((part) => part.startsWith(".")); }

    // Named files are sent whatever they are, so that what is wrong with one is said; of a folder what can be read.
    function take(files, ofFolder) {
      const largest = Number(panel().dataset.largest);
      if (!sending.going && !sending.waiting.length) Object.assign(sending, { done: 0, failed: [], skipped: 0, total: 0, bytes: new Map() });
      for (const { file, path } of files) {
        if (ofFolder && (hidden(path) || !readable(path))) sending.skipped += 1;
        else if (file.size > largest) sending.failed.push({ path, why: box().dataset.tooLarge });
        else {
          sending.waiting.push({ file, path, collection: kb.collection });
          sending.total += 1;
        }
      }
      next();
    }
    function next() {
      while (sending.going < AT_ONCE && sending.waiting.length) one(sending.waiting.shift());
      uploadsDrawn();
    }
    function one({ file, path, collection }) {
      sending.going += 1;
      const asked = new URLSearchParams({ name: path, modified_at: file.lastModified / 1000 });
      if (collection) asked.set("collection", collection);
      const request = new XMLHttpRequest();
      sending.requests.add(request);
      request.open("POST", `${UPLOAD}?${asked}`);
      request.setRequestHeader("X-Patina-Ticket", panel()?.dataset.ticket ?? "");
      request.setRequestHeader("Accept-Language", document.documentElement.lang);
      request.upload.onprogress = (event) => {
        sending.bytes.set(path, event.loaded / Math.max(1, event.total));
        uploadsDrawn();
      };
      request.onloadend = () => {
        sending.requests.delete(request);
        sending.going -= 1;
        sending.bytes.delete(path);
        if (request.status === 200) sending.done += 1;
        else if (!request.stopped) sending.failed.push({ path, why: reason(request) });
        if (document.body.dataset.panel === "library" && !kb.streaming) look();
        next();
      };
      request.send(file);
    }
    function reason(request) {
      try { return JSON.parse(request.responseText).error.message; } catch { return box()?.dataset.failed ?? ""; }
    }
    function stop() {
      sending.waiting = [];
      for (const request of sending.requests) {
        request.stopped = true;
        request.abort();
      }
      uploadsDrawn();
    }
    function text(tag, words, name = "") {
      const node = document.createElement(tag);
      node.textContent = words;
      node.className = name;
      return node;
    }
    function uploadsDrawn() {
      const place = views.library && box();
      if (!place) return;
      const parts = [];
      const left = sending.waiting.length + sending.going;
      if (left) {
        const line = text("div", "", "going");
        const share = (sending.done + [...sending.bytes.values()].reduce((sum, part) => sum + part, 0)) / Math.max(1, sending.total);
        const bar = text("div", "", "progress");
        const filled = document.createElement("i");
        filled.style.width = `${Math.round(100 * share)}%`;
        bar.append(filled);
        const halt = text("button", place.dataset.stop, "quiet");
        halt.type = "button";
        halt.dataset.do = "kb-stop-sending";
        line.append(text("span", place.dataset.sending.replace("{left}", left)), halt);
        parts.push(line, bar);
      } else if (sending.done) parts.push(text("p", place.dataset.sent.replace("{count}", sending.done), "lead"));
      if (sending.skipped) parts.push(text("p", place.dataset.skipped.replace("{count}", sending.skipped), "lead"));
      for (const { path, why } of sending.failed.slice(0, 20)) parts.push(text("p", `${path}: ${why}`, "trouble"));
      const focused = place.contains(document.activeElement);
      place.replaceChildren(...parts);
      if (focused) $("button", place)?.focus();
    }
    addEventListener("beforeunload", (event) => { if (sending.going) event.preventDefault(); });

    // A folder that is dropped tells what is in it a hundred entries at a time.
    async function within(entry, path, found) {
      if (entry.isFile) {
        const file = await new Promise((done) => entry.file(done, () => done(null)));
        if (file) found.push({ file, path });
        return;
      }
      const reader = entry.createReader();
      for (;;) {
        const some = await new Promise((done) => reader.readEntries(done, () => done([])));
        if (!some.length) return;
        for (const inner of some) await within(inner, `${path}/${inner.name}`, found);
      }
    }
    async function dropped(transfer) {
      const entries = [...transfer.items].filter((item) => item.kind === "file").map((item) => item.webkitGetAsEntry?.());
      if (!entries.some(Boolean)) {
        take([...transfer.files].map((file) => ({ file, path: file.name })), false);
        return;
      }
      for (const entry of entries.filter(Boolean)) {
        const found = [];
        await within(entry, entry.name, found);
        take(found, entry.isDirectory);
      }
    }

    const actions = {
      "kb-tab": (node) => {
        kb.tab = node.dataset.tab;
        wrong("");
        look();
      },
      "kb-collection": (node) => {
        Object.assign(kb, { collection: node.dataset.name, document: "", rows: 0 });
        look();
      },
      "kb-status": (node) => {
        kb.status = node.value;
        look();
      },
      "kb-rows": (node) => {
        kb.rows = Number(node.dataset.count);
        look();
      },
      "kb-passages": (node) => {
        kb.passages = Number(node.dataset.count);
        look();
      },
      "kb-open": (node) => {
        Object.assign(kb, { document: kb.document === node.dataset.id ? "" : node.dataset.id, passages: 0 });
        look();
      },
      "kb-toggle": (node) => {
        const target = $(`[data-static=box][data-box="${node.dataset.box}"]`, root());
        hide(target, !target.hidden);
        if (!target.hidden) $("textarea, input", target).focus();
      },
      "kb-ask": (node) => {
        const asked = $(".confirm", node.closest("li, .shelf"));
        asked.hidden = false;
        $("button", asked).focus();
      },
      "kb-ask-close": (node) => { node.closest(".confirm").hidden = true; },
      "kb-files": () => $("[data-static=kb-files]", root()).click(),
      "kb-folder": () => $("[data-static=kb-folder]", root()).click(),
      "kb-stop-sending": () => stop(),
      "kb-text": () => { if (value("text")) acted("kb-text", { text: $("[data-static=text]", root()).value, name: value("text-name") }); },
      "kb-page": () => { if (value("address")) acted("kb-page", { url: value("address") }); },
      "kb-new": () => {
        if (!value("new-name")) return;
        acted("kb-new", { name: value("new-name") });
      },
      "kb-rename": (node) => {
        const name = value("name");
        if (!name) return;
        acted("kb-rename", { id: node.dataset.id, name });
        kb.renamed = name;
      },
      "kb-drop": (node) => {
        Object.assign(kb, { collection: "", document: "" });
        act("kb-drop", { id: node.dataset.id });
      },
      "kb-remove": (node) => {
        kb.document = "";
        act("kb-remove", { id: node.dataset.id });
      },
      "kb-move": (node) => act("kb-move", { id: node.dataset.id, name: node.value }),
      "kb-search": () => {
        kb.collection = value("kb-in");
        kb.asked = { question: value("kb-question"), ...documentOf(value("kb-file")), type: value("kb-type"), since: value("kb-since"), until: value("kb-until") };
        look();
      },
      "kb-name": (node) => {
        kb.entity = Number(node.dataset.entity);
        look();
        $(".names-map", root())?.scrollIntoView({ block: "nearest" });
      },
      "kb-naming": () => {
        Object.assign(kb, { naming: value("kb-naming"), entity: 0 });
        look();
      },
      "kb-judge": (node) => act("kb-judge", { chunk: node.dataset.chunk, right: Boolean(node.dataset.right) }),
      "kb-watch": () => {
        const into = value("folder-into");
        const keep = $("[data-static=folder-keep]", root()).checked;
        acted("kb-watch", { folder: value("folder-path"), keep, ...(into ? { collection: into } : {}) });
      },
      ...Object.fromEntries(["kb-embedder", "kb-again", "kb-pause", "kb-resume", "kb-cancel", "kb-unwatch"].map(
        (name) => [name, (node) => act(name, { id: node.dataset.id ?? "" })])),
    };

    document.addEventListener("change", (event) => {
      const node = event.target;
      const name = node.dataset?.static;
      if (name !== "kb-files" && name !== "kb-folder") return;
      take([...node.files].map((file) => ({ file, path: file.webkitRelativePath || file.name })), name === "kb-folder");
      node.value = "";
    });
    let typing = null;
    document.addEventListener("input", (event) => {
      const searched = event.target.dataset?.static;
      if (searched !== "kb-query" && searched !== "kb-naming") return;
      clearTimeout(typing);
      typing = setTimeout(() => {
        const wanted = event.target.value.trim();
        Object.assign(kb, searched === "kb-naming" ? { naming: wanted, entity: 0 } : { query: wanted, rows: 0 });
        look();
      }, SEARCH_AFTER_MS);
    });
    document.addEventListener("keydown", (event) => {
      if (event.isComposing || event.keyCode === 229 || event.key !== "Enter") return;
      const name = event.target.dataset?.enter;
      if (name) {
        event.preventDefault();
        actions[name](event.target);
      }
    });

    return { painters: { library: paint }, actions, open: () => look(), dropped };
  };
})();
