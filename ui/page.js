// The tab's half of the page: draws the HTML it is handed, says what the person does, and remembers where it is.
(() => {
  "use strict";
  const BOTTOM_PX = 90;
  const FILE_LIMIT = 2_000_000;
  const PICTURE_LIMIT = 12_000_000;
  const TOGETHER = 17_000_000; // a third larger in base64, they still fit into one request
  const PICTURE = /^image\/(jpeg|png|webp)$/;
  const SEARCH_AFTER_MS = 220;

  const here = {
    view: 0,
    conversation: new URLSearchParams(location.search).get("c"),
    title: "",
    busy: null,      // the turn being written, or "asked" until its id is known
    pending: null,   // what was sent, put back into the composer if it is refused
    files: [],
    shown: 0,
    number: 0,
    all: false,
    tab: "versions",  // of the lab
    run: "",  // the one of the lab's that is looked at
    watch: 0,  // how many were
    runs: 0,  // how many of them are listed, where it is more than at first
    opened: "",  // the citation that was clicked last
    chosenFor: undefined,  // the conversation whose choice of documents is shown
    starting: false,  // a run was asked for
    shownVersion: "",  // to be scrolled to when it is drawn
  };
  const views = {};
  const waiting = [];
  let trigger = null;

  const $ = (selector, root = document) => root.querySelector(selector);
  const $$ = (selector, root = document) => [...root.querySelectorAll(selector)];
  const { draw, update } = window.patinaDrawing;
  const stored = (name, value) => {
    try {
      if (value === undefined) return localStorage.getItem(name);
      localStorage.setItem(name, value);
    } catch { /* a browser that forbids storage forgets, that is all */ }
    return null;
  };

  // Events to the server

  function send(name, fields = {}) {
    const event = {
      ...fields,
      view: here.view,
      conversation: here.conversation,
      heading: here.title,
      shown: here.shown,
      number: ++here.number,
      tag: navigator.language,
    };
    if (trigger) trigger(`do_${name}`, event);
    else waiting.push([`do_${name}`, event]);
  }

  function open(conversation, { turn = "", push = true, all = false } = {}) {
    here.view += 1;
    here.conversation = conversation;
    here.busy = null;
    here.all = all;
    if (push) history.pushState(null, "", conversation ? `?c=${encodeURIComponent(conversation)}` : location.pathname);
    drawer(false);
    panel("");
    send("open", { turn, all });
  }

  function ask(name, fields) {
    here.view += 1;
    busy("asked");
    send(name, fields);
  }

  // Views

  const painters = {
    sidebar(value) {
      if (value.query !== undefined && value.query !== $("[data-static=search]")?.value.trim()) return;
      draw(views.sidebar, value.html);
      for (const told of $$("[data-undone]", views.sidebar)) told.hidden = stored(`undone-${told.dataset.undone}`) !== null;
      here.shown = $$(".item", views.sidebar).length;
      mark();
    },
    topbar(value) { draw(views.topbar, value.html); },
    models(value) { draw(views.models, value.html); },
    lab(value) {
      // A run that goes on is drawn for as long as it does, also when something else is looked at by now.
      if (value.tab !== here.tab || (value.watch ?? here.watch) !== here.watch) return;
      if (value.run !== undefined) here.run = value.run;
      draw(views.lab, value.html);
      taskDraft();
      if (here.shownVersion) {
        $(`li[data-key="${CSS.escape(here.shownVersion)}"]`, views.lab)?.scrollIntoView({ block: "nearest" });
        here.shownVersion = "";
      }
      if (here.starting && value.refused !== undefined) {
        here.starting = false;
        $(".editor-box", views.lab).open = value.refused;
        (value.refused ? $(".wrong", views.lab) : views.lab.firstElementChild).scrollIntoView({ block: "nearest" });
      }
    },
    download(value) {
      const link = document.createElement("a");
      link.href = value.url ?? URL.createObjectURL(new Blob([value.text], { type: "application/json" }));
      link.download = value.name;
      link.click();
      if (!value.url) URL.revokeObjectURL(link.href);
    },
    settings(value) {
      draw(views.settings, value.html);
      themes();
      countdown();
      if (value.language !== document.documentElement.lang) {  // every sentence on the page is another one now
        here.view += 1;
        send("open", { all: here.all });
      }
    },
    start(value) {
      if ($(".start", views.thread)) draw(turns(), value.html);
    },
    composer(value) {
      draw(views.composer, value.html);
      const text = $("textarea", views.composer);
      if (!text.dataset.ready) {
        text.dataset.ready = "1";
        text.value = stored(draftKey()) ?? "";
        if (matchMedia("(hover: hover)").matches) text.focus();
      }
      grow(text);
      controls();
      // Nobody knows yet what is chosen for a conversation that has not begun: here it is.
      if (here.conversation || here.chosenFor !== here.conversation) {
        for (const chosen of $$("select", views.composer)) chosen.value = chosen.dataset.value;
      }
      here.chosenFor = here.conversation;
    },
    passage(value) {
      const turn = $(`[data-turn="${CSS.escape(value.turn)}"]`, views.thread);
      const place = turn && $(".passage", turn);
      if (value.view !== here.view || !place || here.opened !== `${value.turn} ${value.number}`) return;
      if (value.noted) {
        $("[data-do=cite-wrong]", place).hidden = true;
        $(".thanks", place).hidden = false;
        return;
      }
      draw(place, value.html);
      place.hidden = false;
      cites(turn, value.number);
      const found = $("mark b", place) ?? $("mark", place);
      const box = $(".text", place);
      if (!place.dataset.shown) {
        box.scrollTop = Math.max(0, found.offsetTop - box.offsetTop - 40);
        place.scrollIntoView({ block: "nearest" });
      }
      place.dataset.shown = "1";
    },
    thread(value) {
      if (value.view !== here.view) return;
      const moved = here.drawn !== value.conversation;
      here.drawn = value.conversation;
      if (value.conversation !== here.conversation) {
        here.conversation = value.conversation;
        history.replaceState(null, "", value.conversation ? `?c=${encodeURIComponent(value.conversation)}` : location.pathname);
      }
      document.documentElement.lang = value.language;
      titled(value.title);
      draw(turns(), value.html);
      const earlier = $(".earlier", views.thread);
      earlier.hidden = !value.earlier;
      earlier.textContent = value.earlier;
      busy(value.running);
      mark();
      if (moved) restoreDraft();
      const target = value.target && $(`[data-turn="${CSS.escape(value.target)}"]`, views.thread);
      if (target) {
        target.scrollIntoView({ block: "start" });
        target.classList.add("pointed");
      } else if (moved) scroller().scrollTop = scroller().scrollHeight;
    },
    live(value) {
      if (value.view !== here.view) return;
      if (here.conversation !== value.conversation) {
        dropDraft();
        here.conversation = here.drawn = value.conversation;
        history.replaceState(null, "", `?c=${encodeURIComponent(value.conversation)}`);
        mark();
      }
      const list = turns();
      const near = nearBottom();
      let fresh = false;
      if (!$(`[data-key="${value.turn}"]`, list)) {
        fresh = true;
        let last = value.parent ? $(`[data-key="${value.parent}"]`, list) : null;
        for (const node of [...list.children]) {
          const after = last && last.compareDocumentPosition(node) & Node.DOCUMENT_POSITION_FOLLOWING;
          if (!last || after) node.remove();
        }
        const place = document.createElement("article");
        place.dataset.key = value.turn;
        list.append(place);
        if (here.pending) { here.pending = null; dropDraft(); }
      }
      update($(`[data-key="${value.turn}"]`, list), value.html);
      busy(value.done ? null : value.turn);
      if (fresh || near) scroller().scrollTop = scroller().scrollHeight;
    },
    changed(value) {  // somewhere else, or here: then it is drawn a second time and nothing moves
      if (value.conversation === here.conversation) {
        if (here.busy) return;
        here.view += 1;
        send("open", { all: here.all });
        return;
      }
      const query = $("[data-static=search]", views.sidebar)?.value.trim();
      if (query) send("search", { query });  // what waits stands above what was found
      else send("list");
    },
    notice(value) {
      if (value.view !== here.view) return;
      say(value.text);
      if (here.busy === "asked") busy(null);
      if (here.pending) {
        const text = $("textarea", views.composer);
        if (!text.value) text.value = here.pending.text;
        here.files = here.pending.files;
        here.pending = null;
        files();
        grow(text);
      }
    },
  };

  function cites(turn, number) {
    for (const one of $$("[data-do=cite]", turn)) one.classList.toggle("open", one.dataset.number === String(number));
  }
  function chosen() {
    const [documents, collection] = ["documents", "collection"].map((name) => $(`select[data-static=${name}]`, views.composer)?.value ?? "");
    return { documents, collection };
  }
  function turns() {
    if (!$(".turns", views.thread)) {
      views.thread.innerHTML =
        '<div class="scroller"><button type="button" class="earlier" data-do="earlier" hidden></button><div class="turns" aria-live="polite"></div></div>';
    }
    return $(".turns", views.thread);
  }
  const scroller = () => $(".scroller", views.thread);
  const nearBottom = () => {
    const box = scroller();
    return box.scrollHeight - box.scrollTop - box.clientHeight < BOTTOM_PX;
  };
  function titled(title) {
    here.title = here.conversation ? title : "";
    document.title = here.conversation ? `${title} · Patina` : "Patina 包浆";
  }
  function mark() {
    for (const item of $$(".item", views.sidebar)) {
      const current = item.dataset.conversation === here.conversation;
      item.classList.toggle("current", current);
      if (current && here.drawn === here.conversation) titled($("a", item).textContent);
    }
  }
  function busy(turn) {
    here.busy = turn;
    document.body.classList.toggle("busy", Boolean(turn));
    controls();
  }
  function panel(name) {
    document.body.dataset.panel = name;
    if (name) {
      if (name === "lab") labDo(labEvents[here.tab], { run: here.run }, here.tab);
      else if (name === "library") library.open();
      else if (name === "memory") memory.show();
      else send(name);
      drawer(false);
    }
  }
  function drawer(shown) { document.body.classList.toggle("drawer", shown); }
  function say(text) {
    const toast = $(".toast");
    if (!toast) return;
    toast.textContent = text;
    toast.classList.remove("shown");
    void toast.offsetWidth;
    toast.classList.add("shown");
  }

  // Composer

  const draftKey = () => `patina.draft.${here.conversation ?? ""}`;
  function dropDraft() {
    try { localStorage.removeItem(draftKey()); } catch { /* see stored */ }
  }
  function restoreDraft() {
    const text = views.composer && $("textarea", views.composer);
    if (!text) return;
    text.value = stored(draftKey()) ?? "";
    here.files = [];
    files();
    grow(text);
    controls();
  }
  function grow(text) {
    text.style.height = "auto";
    text.style.height = `${text.scrollHeight}px`;
  }
  function controls() {
    const text = views.composer && $("textarea", views.composer);
    if (!text) return;
    $("[data-do=send]", views.composer).disabled = Boolean(here.busy) || (!text.value.trim() && !here.files.length);
  }
  function submit(words) {
    const text = $("textarea", views.composer);
    const question = words ?? text.value;
    if (here.busy || (!question.trim() && !here.files.length)) return;
    here.pending = { text: question, files: here.files };
    ask("send", { ...chosen(), text: question, files: here.files.map(({ name, data }) => ({ name, data })) });
    text.value = "";
    here.files = [];
    files();
    grow(text);
    controls();
  }
  async function attach(list) {
    const message = $(".message", views.composer);
    message.textContent = "";
    for (const file of list) {
      const picture = PICTURE.test(file.type);
      const together = here.files.reduce((sum, one) => sum + one.data.length * 0.75, file.size);
      if (file.size > (picture ? PICTURE_LIMIT : FILE_LIMIT) || together > TOGETHER) {
        message.textContent = message.dataset.tooLarge.replace("{name}", file.name);
        continue;
      }
      const url = await new Promise((done) => {
        const reader = new FileReader();
        reader.onload = () => done(reader.result);
        reader.onerror = () => done("");
        reader.readAsDataURL(file);
      });
      here.files.push({ name: file.name, data: url.slice(url.indexOf(",") + 1), thumb: picture ? url : "" });
    }
    files();
    controls();
  }
  function files() {
    const box = $(".files", views.composer);
    const label = $(".message", views.composer).dataset.remove;
    box.replaceChildren(...here.files.map((file, index) => {
      const chip = document.createElement("span");
      chip.className = "file";
      const name = document.createElement("b");
      name.textContent = file.name;
      const remove = document.createElement("button");
      remove.type = "button";
      remove.textContent = "×";
      remove.dataset.do = "detach";
      remove.dataset.index = index;
      remove.ariaLabel = label.replace("{name}", file.name);
      if (file.thumb) {
        const thumb = document.createElement("img");
        thumb.src = file.thumb;
        thumb.alt = "";
        thumb.onerror = () => thumb.remove();  // what is no picture is refused when it is sent
        chip.classList.add("seen");
        chip.append(thumb);
      }
      chip.append(name, remove);
      return chip;
    }));
  }

  // The lab's task editor: what was typed stays, whatever is drawn and even when the page is loaded anew.

  const labEvents = { versions: "lab", improve: "improve", learning: "learning", exchange: "exchange" };
  const taskKey = (node) => `patina.task.${node.dataset.task}`;
  const taskFields = () => $$("[data-task]", views.lab);
  function taskDraft() {
    for (const node of taskFields()) {
      if (node.dataset.ready) continue;
      node.dataset.ready = "1";
      const kept = stored(taskKey(node));
      if (kept === null) continue;
      if (node.tagName !== "SELECT" || [...node.options].some((option) => option.value === kept)) node.value = kept;
    }
  }
  function typed(node, text) {
    node.value = text;
    stored(taskKey(node), text);
  }
  async function taskFile(file) {
    const message = $(".task .message", views.lab);
    message.textContent = file.size > FILE_LIMIT ? message.dataset.tooLarge : file.name;
    if (file.size > FILE_LIMIT) return;
    typed($("[data-task=examples]", views.lab), decoded(new Uint8Array(await file.arrayBuffer())));
  }
  // Excel saves a table as UTF-16, or in China as GBK. Bytes that stand alone are of neither but of a Western encoding:
  // read as UTF-8 they show as lost, and the server says so, while as GBK they would silently be wrong letters.
  function decoded(bytes) {
    const mark = String(bytes.subarray(0, 2));
    const wide = { "255,254": "utf-16le", "254,255": "utf-16be" }[mark];
    if (wide) return new TextDecoder(wide).decode(bytes);
    try {
      return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    } catch {
      const high = bytes.filter((byte) => byte > 127).length;
      const alone = bytes.filter((byte, at) => byte > 127 && !(bytes[at - 1] > 127) && !(bytes[at + 1] > 127)).length;
      return new TextDecoder(alone * 2 > high ? "utf-8" : "gb18030").decode(bytes);
    }
  }
  function labDo(name, fields, tab = "versions") {
    here.tab = tab;
    here.watch += 1;
    send(name, { ...fields, watch: here.watch, rows: here.runs });
  }

  // Theme: the browser's own affair, since one person has bright and dark rooms.

  const dark = matchMedia("(prefers-color-scheme: dark)");
  function theme(choice) {
    if (choice) stored("patina.theme", choice);
    const chosen = stored("patina.theme") ?? "auto";
    const mode = chosen === "auto" ? (dark.matches ? "dark" : "light") : chosen;
    document.documentElement.dataset.mode = mode;
    document.body?.classList.toggle("dark", mode === "dark");
    themes();
  }
  function themes() {
    const chosen = stored("patina.theme") ?? "auto";
    for (const button of $$(".themes button")) button.ariaChecked = String(button.dataset.value === chosen);
  }
  dark.addEventListener("change", () => theme());
  theme();
  // Gradio sets its own class from the system when it has loaded; the person's choice comes after it.
  new MutationObserver(() => {
    const wanted = document.documentElement.dataset.mode === "dark";
    if (document.body && document.body.classList.contains("dark") !== wanted) theme();
  }).observe(document.documentElement, { subtree: true, attributeFilter: ["class"] });

  let ticking = null;
  function countdown() {
    clearInterval(ticking);
    const node = $("[data-static=countdown]", views.settings);
    if (!node) return;
    const tick = () => {
      const left = Math.floor(Number(node.dataset.until) - Date.now() / 1000);
      const time = `${Math.floor(left / 60)}:${String(left % 60).padStart(2, "0")}`;
      node.textContent = left > 0 ? node.dataset.remaining.replace("{remaining}", time) : node.dataset.expired;
      if (left <= 0) clearInterval(ticking);
    };
    ticking = setInterval(tick, 1000);
    tick();
  }

  async function copy(text) {
    try {
      await navigator.clipboard.writeText(text);
    } catch {  // a page served by name over plain HTTP has no clipboard
      const area = document.createElement("textarea");
      area.value = text;
      document.body.append(area);
      area.select();
      document.execCommand("copy");
      area.remove();
    }
    say($(".toast").dataset.copied);
  }

  // Of an answer: less is looked up, or quoted, more often than it is used.
  const MUCH = { characters: 80, share: 0.5 };

  function copied() {
    const selection = getSelection();
    if (!selection?.rangeCount || selection.isCollapsed) return;
    const range = selection.getRangeAt(0).cloneRange();
    const [words, more] = $$(".answer > .body").filter((one) => range.intersectsNode(one));
    // Whoever takes the whole conversation along says nothing of this answer or that.
    if (!words || more || !words.closest("[data-source]")) return;
    if (!words.contains(range.startContainer)) range.setStart(words, 0);
    if (!words.contains(range.endContainer)) range.setEnd(words, words.childNodes.length);
    const taken = range.toString().trim().length;
    if (taken && taken >= Math.min(MUCH.characters, MUCH.share * words.textContent.trim().length)) {
      send("copied", { turn: words.closest("[data-turn]").dataset.turn });
    }
  }

  // What a click means

  const turnOf = (node) => node.closest(".turn").dataset.turn;
  const actions = {
    new: () => { open(null); $("textarea", views.composer)?.focus(); },
    open: (node) => open(node.dataset.conversation, { turn: node.dataset.turn ?? "" }),
    earlier: () => {
      here.view += 1;
      send("open", { all: true });
    },
    more: () => send("more"),
    drawer: () => drawer(!document.body.classList.contains("drawer")),
    panel: (node) => panel(document.body.dataset.panel === node.dataset.panel ? "" : node.dataset.panel),
    theme: () => theme(document.documentElement.dataset.mode === "dark" ? "light" : "dark"),
    "set-theme": (node) => theme(node.dataset.value),
    example: (node) => submit(node.textContent.trim()),
    send: () => submit(),
    cite: (node) => {
      const turn = node.closest(".turn");
      const place = $(".passage", turn);
      const opened = `${turn.dataset.turn} ${node.dataset.number}`;
      if (!place || turn.classList.contains("writing")) return;
      if (here.opened === opened && !place.hidden) { actions["cite-close"](place); return; }
      here.opened = opened;
      delete place.dataset.shown;
      send("cite", { turn: turn.dataset.turn, citation: Number(node.dataset.number) });
    },
    "cite-close": (node) => {
      const turn = node.closest(".turn");
      here.opened = "";
      $(".passage", turn).hidden = true;
      cites(turn, "");
    },
    "cite-wrong": (node) => {
      const opened = node.closest(".opened");
      send("cite-wrong", { turn: turnOf(node), citation: Number(opened.dataset.number) });
    },
    documents: () => send("documents", chosen()),
    stop: () => send("stop", { turn: here.busy === "asked" ? "" : here.busy }),
    attach: () => $("[data-static=picker]", views.composer).click(),
    detach: (node) => { here.files.splice(Number(node.dataset.index), 1); files(); controls(); },
    regenerate: (node) => { if (!here.busy) ask("regenerate", { turn: turnOf(node) }); },
    approve: (node) => send("approve", { approval: node.dataset.approval }),
    disallow: (node) => send("disallow", { approval: node.dataset.approval }),
    "tool-undo": (node) => send("tool-undo", { call: node.dataset.call }),
    undone: (node) => {
      stored(`undone-${node.dataset.move}`, "");
      node.closest("[data-undone]").hidden = true;
    },
    reminded: (node) => send("reminded", { reminder: node.dataset.reminder }),
    branch: (node) => {
      if (here.busy || !node.dataset.to) return;
      here.view += 1;
      send("branch", { turn: node.dataset.to });
    },
    "copy-answer": (node) => {
      const turn = node.closest("[data-turn]");
      copy($(".answer", turn).dataset.source);
      send("copied", { turn: turn.dataset.turn });
    },
    "copy-code": (node) => {
      copy($("code", node.closest(".code")).textContent);
      const turn = node.closest("[data-turn]");
      if (turn && !turn.classList.contains("writing")) send("copied", { turn: turn.dataset.turn });
    },
    rate: (node) => {
      const turn = node.closest(".turn");
      const pressed = node.ariaPressed === "true";
      for (const button of $$("[data-do=rate]", turn)) button.ariaPressed = "false";
      node.ariaPressed = String(!pressed);
      const form = $(".reason", turn);
      form.hidden = pressed || node.dataset.kind !== "thumb_down";
      if (!form.hidden) {
        $(".thanks", form).hidden = true;
        for (const part of $$("input, button", form)) part.hidden = false;
        $("input", form).focus();
      }
      send("rate", { turn: turn.dataset.turn, kind: pressed ? "thumb_cleared" : node.dataset.kind });
    },
    "reason-send": (node) => {
      const form = node.closest(".reason");
      const input = $("input", form);
      if (!input.value.trim()) { form.hidden = true; return; }
      explain(node, input.value.trim());
      input.value = "";
    },
    "reason-pick": (node) => explain(node, node.dataset.reason),
    "edit-open": (node) => {
      if (here.busy) return;
      const question = node.closest(".question");
      question.classList.add("editing");
      const text = $(".editor textarea", question);
      $(".editor", question).hidden = false;
      text.value = $(".bubble", question)?.textContent ?? "";
      grow(text);
      text.focus();
    },
    "edit-cancel": (node) => {
      const question = node.closest(".question");
      question.classList.remove("editing");
      $(".editor", question).hidden = true;
    },
    "edit-send": (node) => {
      const words = $("textarea", node.closest(".editor")).value;
      if (here.busy || !words.trim()) return;
      const turn = turnOf(node);
      actions["edit-cancel"](node);
      ask("edit", { turn, text: words });
    },
    "fix-open": (node) => {
      const turn = node.closest(".turn");
      const form = $(".fix", turn);
      if (here.busy || !form) return;
      const text = $("textarea", form);
      text.value = $(".answer", turn).dataset.source;
      form.hidden = false;
      grow(text);
      text.focus({ preventScroll: true });
      text.setSelectionRange(0, 0);
      form.scrollIntoView({ block: "nearest" });
    },
    "fix-cancel": (node) => { node.closest(".fix").hidden = true; },
    "fix-send": (node) => {
      const words = $("textarea", node.closest(".fix")).value;
      if (here.busy || !words.trim()) return;
      actions["fix-cancel"](node);
      if (words !== $(".answer", node.closest(".turn")).dataset.source) fix(turnOf(node), words);
    },
    "fix-restore": (node) => { if (!here.busy) fix(turnOf(node), node.dataset.source); },
    "duel-choose": (node) => {
      here.view += 1;
      send("choose", { turn: turnOf(node), choice: node.dataset.choice });
    },
    "duel-refuse": () => {
      here.view += 1;
      send("refuse-duels");
    },
    "rename-open": (node) => {
      const item = node.closest(".item");
      const input = $(".rename", item);
      input.value = $("a", item).textContent;
      input.hidden = false;
      item.classList.add("renaming");
      input.focus();
      input.select();
    },
    "delete-open": (node) => { $(".confirm", node.closest(".item")).hidden = false; },
    "delete-cancel": (node) => { $(".confirm", node.closest(".item")).hidden = true; },
    delete: (node) => {
      const target = node.closest(".item").dataset.conversation;
      send("delete", { target });
      if (target === here.conversation) open(null);
    },
    pull: (node) => send("pull", { model: node.dataset.model }),
    pause: (node) => send("pause", { model: node.dataset.model }),
    use: (node) => send("use", { model: node.dataset.model ?? node.value }),
    "remove-open": (node) => { $(".confirm", node.closest(".model")).hidden = false; },
    "remove-cancel": (node) => { $(".confirm", node.closest(".model")).hidden = true; },
    "remove-model": (node) => {
      actions["remove-cancel"](node);
      send("remove-model", { model: node.dataset.model });
    },
    set: (node) => {
      send("set", { setting: node.dataset.setting, value: node.dataset.value ?? node.value });
    },
    "set-token": () => {
      const { value } = $("[data-static=token]", views.settings);
      if (value.trim()) send("set", { setting: "telegram.token", value: value.trim() });
    },
    why: (node) => {
      document.body.dataset.panel = "lab";
      here.shownVersion = node.dataset.version;
      labDo("lab", { version: node.dataset.version, turn: turnOf(node) });
    },
    "lab-show": (node) => {
      here.shownVersion = node.closest("svg") ? node.dataset.version : "";
      labDo("lab", { version: node.dataset.version });
    },
    "lab-use": ({ dataset: { version, model } }) => labDo("lab-use", { version, model }),
    "lab-try": ({ dataset: { version, model } }) => labDo("lab-try", { version, model }),
    "lab-end": ({ dataset: { name, tongue, version, model, intent } }) => labDo("lab-end", { name, tongue, version, model, intent }),
    "lab-undo": ({ dataset: { name, tongue, version } }) => labDo("lab-undo", { name, tongue, version }),
    "lab-tab": (node) => labDo(labEvents[node.dataset.tab], { run: here.run }, node.dataset.tab),
    "lab-for": (node) => {
      const { text } = node.selectedOptions[0].dataset;
      if (text) typed($("[data-task=seed_prompt]", views.lab), text);
      // A prompt says itself when an answer to it is right and how long it may be.
      const [metric, max] = ["metric", "max_tokens"].map((name) => $(`[data-task=${name}]`, views.lab));
      if (node.value) { typed(metric, ""); typed(max, ""); }
      else {
        if (!metric.value) typed(metric, metric.options[0].value);
        if (!max.value) typed(max, max.defaultValue);
      }
    },
    "lab-file": () => $("[data-static=examples-file]", views.lab).click(),
    "lab-start": () => {
      here.starting = true;
      labDo("lab-start", Object.fromEntries(taskFields().map((node) => [node.dataset.task, node.value])), "improve");
    },
    "lab-open-run": (node) => labDo("improve", { run: node.dataset.run }, "improve"),
    "lab-again": (node) => labDo("lab-again", { run: node.dataset.run }, "improve"),
    ...Object.fromEntries(["lab-remove-run", "lab-hold", "lab-go-on", "lab-cancel", "lab-export-run"].map(
      (name) => [name, (node) => send(name, { run: node.dataset.run, watch: here.watch, rows: here.runs })])),
    "lab-more-runs": (node) => {
      here.runs = Number(node.dataset.count);
      labDo("improve", { run: here.run }, "improve");
    },
    "learning-switch": (node) => labDo("learning-switch", { on: node.checked }, "learning"),
    "learning-look": () => labDo("learning-look", {}, "learning"),
    "learning-cancel": () => labDo("learning-cancel", {}, "learning"),
    "lab-export-prompts": () => send("lab-export-prompts", { redact: $("[data-static=redact]", views.lab).checked }),
    "lab-export-evidence": () => send("lab-export-evidence", { redact: $("[data-static=redact]", views.lab).checked }),
    "lab-forget-evidence": () => labDo("lab-forget-evidence", {}, "exchange"),
    "lab-import": () => $("[data-static=import-file]", views.lab).click(),
    pair: (node) => send("pair", { role: node.dataset.role }),
    unpair: (node) => send("unpair", { person: node.dataset.person }),
    admit: (node) => send("admit", { code: node.dataset.code, role: node.dataset.role }),
    person: ({ dataset, value }) => send("person", { person: dataset.person, what: dataset.what, value: dataset.value ?? value }),
  };

  const library = window.patinaLibrary({ here, views, send, $, $$, draw });
  Object.assign(painters, library.painters);
  Object.assign(actions, library.actions);
  const memory = window.patinaMemory({ $, draw, send, open, views, wait });
  Object.assign(actions, memory.actions);
  Object.assign(painters, memory.painters);

  function explain(node, reason) {
    const form = node.closest(".reason");
    send("rate", { turn: turnOf(node), kind: "thumb_down", reason });
    for (const part of $$("input, button", form)) part.hidden = true;
    $(".thanks", form).hidden = false;
  }

  function fix(turn, text) {
    here.view += 1;
    send("fix", { turn, text });
  }

  function rename(input, keep) {
    const item = input.closest(".item");
    if (input.hidden) return;
    input.hidden = true;
    item.classList.remove("renaming");
    const title = input.value.trim();
    if (keep && title && title !== $("a", item).textContent) {
      $("a", item).textContent = title;
      send("rename", { target: item.dataset.conversation, title });
    }
  }

  document.addEventListener("click", (event) => {
    const node = event.target.closest("[data-do]");
    if (node) {
      if (node.tagName === "A") {
        if (event.metaKey || event.ctrlKey || event.shiftKey) return;
        event.preventDefault();
      }
      actions[node.dataset.do]?.(node);
    } else if (document.body.classList.contains("drawer") && !event.target.closest("#sidebar")) drawer(false);
    else if (document.body.dataset.panel && event.target.isConnected && !event.target.closest(".panel")) panel("");
  });
  document.addEventListener("submit", (event) => {
    if (event.target.closest("#shell")) event.preventDefault();
  });
  document.addEventListener("change", (event) => {
    const node = event.target;
    if (node.dataset?.static === "picker") {
      attach([...node.files]);
      node.value = "";
    } else if (node.dataset?.static === "import-file") {
      node.files[0]?.text().then((text) => send("lab-import", { text }));
      node.value = "";
    } else if (node.dataset?.static === "examples-file") {
      if (node.files[0]) taskFile(node.files[0]);
      node.value = "";
    } else if (node.dataset?.doChange) actions[node.dataset.doChange](node);
  });

  let searching = null;
  document.addEventListener("input", (event) => {
    const node = event.target;
    if (node.dataset?.task) stored(taskKey(node), node.value);
    if (node.dataset?.static === "search") {
      clearTimeout(searching);
      searching = setTimeout(() => send("search", { query: node.value.trim() }), SEARCH_AFTER_MS);
    } else if (node.closest?.(".composer")) {
      grow(node);
      stored(draftKey(), node.value);
      controls();
    } else if (node.closest?.(".editor")) grow(node);
    else if (node.type === "range") $("output", node.parentNode).textContent = Number(node.value);
  });
  document.addEventListener("keydown", (event) => {
    // Enter that confirms a word in an input method must not send the question.
    if (event.isComposing || event.keyCode === 229) return;
    const node = event.target;
    if ((event.key === "Enter" || event.key === " ") && node.closest?.("g[data-do]")) {  // a drawn button is none by itself
      event.preventDefault();
      actions[node.dataset.do](node);
    } else if (event.key === "Enter" && !event.shiftKey) {
      if (node.closest?.(".composer") && matchMedia("(hover: hover)").matches) { event.preventDefault(); submit(); }
      else if (node.closest?.(".fix")) {  // an answer has lines of its own
        if (event.ctrlKey || event.metaKey) { event.preventDefault(); actions["fix-send"](node); }
      } else if (node.closest?.(".editor")) { event.preventDefault(); actions["edit-send"](node); }
      else if (node.closest?.(".reason")) { event.preventDefault(); actions["reason-send"](node); }
      else if (node.dataset?.static === "rename") { event.preventDefault(); rename(node, true); }
    } else if (event.key === "Escape") {
      if (node.dataset?.static === "rename") rename(node, false);
      else if (node.closest?.(".fix")) actions["fix-cancel"](node);
      else if (node.closest?.(".editor")) actions["edit-cancel"](node);
      else if (document.body.dataset.panel) panel("");
      else drawer(false);
    }
  });
  document.addEventListener("focusout", (event) => {
    if (event.target.dataset?.static === "rename") rename(event.target, true);
  });
  document.addEventListener("copy", copied);
  document.addEventListener("paste", (event) => {
    const pasted = [...(event.clipboardData?.files ?? [])];
    if (pasted.length && event.target.closest?.(".composer")) { event.preventDefault(); attach(pasted); }
  });
  document.addEventListener("dragover", (event) => {
    if (![...(event.dataTransfer?.types ?? [])].includes("Files")) return;
    event.preventDefault();
    document.body.classList.add("dropping");
  });
  document.addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) document.body.classList.remove("dropping");
  });
  document.addEventListener("drop", (event) => {
    document.body.classList.remove("dropping");
    if (!event.dataTransfer?.files.length) return;
    event.preventDefault();
    if (document.body.dataset.panel === "library") library.dropped(event.dataTransfer);
    else if (event.target.closest?.(".task")) taskFile(event.dataTransfer.files[0]);
    else attach([...event.dataTransfer.files]);
  });
  addEventListener("popstate", () => open(new URLSearchParams(location.search).get("c"), { push: false }));

  // A server that went away: say so, wait for it, and show the conversation as it then is.

  const reach = window.fetch.bind(window);
  let lost = false;
  async function wait(expected = false) {
    if (lost) return;
    lost = true;
    document.body.classList.toggle("adrift", !expected);
    for (;;) {
      await new Promise((done) => setTimeout(done, 1500));
      try {
        if ((await reach(location.pathname, { method: "HEAD", cache: "no-store" })).status < 500) break;
      } catch { /* not yet */ }
    }
    location.reload();
  }
  window.fetch = async (...request) => {
    try {
      return await reach(...request);
    } catch (error) {
      if (error instanceof TypeError) wait();
      throw error;
    }
  };

  // A stream that breaks off makes no failed request, so a waiting tab asks now and then.
  setInterval(() => { if (here.busy) fetch(location.pathname, { method: "HEAD", cache: "no-store" }).catch(() => {}); }, 4000);

  window.patina = {
    mount(name, element, props, watch) {
      views[name] = element;
      const paint = () => { if (props.value) painters[name](props.value); };
      if (name === "thread") turns();
      watch("value", paint);
      paint();
    },
    connect(theTrigger, names) {
      trigger = theTrigger;
      void names;
      for (const [name, event] of waiting.splice(0)) trigger(name, event);
      theme();
      send("open");
      send("watch");
    },
  };
})();
