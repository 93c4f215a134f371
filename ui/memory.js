// The memory page's half of the tab: what a click there means. `page.js` hands over what it draws and sends with.
window.patinaMemory = (page) => {
  "use strict";
  const { $, draw, send, open, views, wait } = page;
  const SEARCH_AFTER_MS = 250;
  const EVENTS = { known: "memory", said: "memory-said", keep: "keep" };
  const at = { tab: "known", person: "", query: "" };
  let bringing = null;

  const ask = (name, fields = {}, tab = "known") => {
    at.tab = tab;
    send(name, { person: at.person, ...fields });
  };
  const show = (tab) => ask(EVENTS[tab], tab === "said" ? { query: at.query } : {}, tab);
  const factOf = (node) => node.closest("[data-fact]").dataset.fact;
  const within = (node, selector) => $(selector, node.closest("[data-fact]"));
  const shown = (node, on) => { if (node) node.hidden = !on; };
  const message = () => $("[data-static=message]", views.memory);

  function painted(value) {
    if (value.open) {
      open(value.open, { turn: value.turn });
      return;
    }
    if (value.ticket) {
      bring(value.ticket);
      return;
    }
    // What was searched for meanwhile, or another tab, is drawn by its own answer.
    if (value.tab !== at.tab || (value.query !== undefined && value.query !== at.query.trim())) return;
    // What is done next is done to the memory that is seen.
    if (value.person !== undefined) at.person = value.person;
    draw(views.memory, value.html);
    if (value.restarting) wait(true);
    if (value.added) $("[data-static=fact]", views.memory).value = "";
    const search = $("[data-static=memory-search]", views.memory);
    if (search && search.value !== at.query && document.activeElement !== search) search.value = at.query;
  }

  async function bring(ticket) {
    const { kind, files: [file] } = bringing;
    const said = message();
    const told = (key, last) => {
      const part = last?.total ? ` · ${Math.round((100 * last.done) / last.total)} %` : "";
      said.textContent = said.dataset[key] ? said.dataset[key] + part : "";
    };
    told("sending");
    let outcome = { error: kind === "backup" ? said.dataset.lostBackup : said.dataset.lost };
    try {
      const answer = await fetch(`upload/${ticket}?name=${encodeURIComponent(file.name)}`, {
        method: "POST", body: file, headers: { "Accept-Language": document.documentElement.lang },
      });
      if (answer.ok) {
        for await (const step of steps(answer.body)) {
          if (step.error) outcome = { error: step.error.message };
          else if (step.stage === "done") outcome = { counts: step.counts };
          else told(step.stage, step);
        }
      } else outcome = { error: (await answer.json()).error.message };
    } catch { /* the outcome says that it was lost */ }
    said.textContent = "";
    ask("keep-brought", { ...outcome, kind }, "keep");
  }

  async function* steps(body) {
    const reader = body.pipeThrough(new TextDecoderStream()).getReader();
    let text = "";
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      text += value;
      const lines = text.split("\n\n");
      text = lines.pop();
      for (const line of lines) yield JSON.parse(line.slice("data: ".length));
    }
  }

  function save(node) {
    const text = $("textarea", node.closest(".rewrite")).value.trim();
    const was = $("p", node.closest("[data-fact]")).textContent;
    shown(node.closest(".rewrite"), false);
    if (text && text !== was) ask("memory-edit", { fact: factOf(node), text });
  }
  function add() {
    const text = $("[data-static=fact]", views.memory).value.trim();
    if (text) ask("memory-add", { text, pinned: $("[data-static=pinned]", views.memory).checked });
    else $("[data-static=fact]", views.memory).focus();
  }
  const confirming = (name) => ({
    [`memory-${name}-open`]: () => shown($(`.confirm.${name}`, views.memory), true),
    [`memory-${name}-cancel`]: () => shown($(`.confirm.${name}`, views.memory), false),
  });

  const actions = {
    "memory-tab": (node) => show(node.dataset.tab),
    "memory-person": (node) => { at.person = node.value; show(at.tab); },
    "memory-switch": (node) => ask("memory-switch", { which: node.dataset.which, on: node.checked }),
    "memory-add": add,
    "memory-pin": (node) => ask("memory-pin", { fact: factOf(node), on: node.dataset.on === "1" }),
    "memory-edit-open": (node) => {
      const form = within(node, ".rewrite");
      shown(form, true);
      const text = $("textarea", form);
      text.value = $("p", node.closest("[data-fact]")).textContent;
      text.focus();
    },
    "memory-edit-cancel": (node) => shown(node.closest(".rewrite"), false),
    "memory-edit-save": save,
    "memory-forget-open": (node) => {
      shown(within(node, ".confirm"), true);
      $(".confirm .danger", node.closest("[data-fact]")).focus();
    },
    "memory-forget-cancel": (node) => shown(node.closest(".confirm"), false),
    "memory-forget": (node) => ask("memory-forget", { fact: factOf(node) }),
    "memory-restore": (node) => ask("memory-forget", { fact: factOf(node), older: false }),
    ...confirming("all"),
    "memory-forget-all": (node) => { shown(node.closest(".confirm"), false); ask("memory-forget-all"); },
    ...confirming("gone"),
    "memory-remove-person": (node) => { shown(node.closest(".confirm"), false); ask("memory-remove-person"); },
    "memory-open": (node) => send("memory-open", { turn: node.dataset.turn }),
    "memory-temporary": () => send("memory-temporary"),
    "memory-judge": (node) => ask("memory-judge", {
      query: at.query, utterance: Number(node.closest("[data-utterance]").dataset.utterance),
      right: node.dataset.right === "1",
    }, "said"),
    "turn-delete-open": (node) => {
      const confirm = $(".confirm", node.closest(".turn"));
      shown(confirm, true);
      $(".danger", confirm).focus();
    },
    "turn-delete-cancel": (node) => shown(node.closest(".confirm"), false),
    "turn-delete": (node) => send("memory-delete-turn", { turn: node.closest(".turn").dataset.turn }),
    "keep-make": (node) => ask("keep-make", {
      kind: node.dataset.kind, secrets: $("[data-static=secrets]", views.memory).checked,
    }, "keep"),
    "keep-cancel": () => ask("keep-cancel", {}, "keep"),
    "keep-import": () => $("[data-static=keep-file]", views.memory).click(),
    "keep-restore": () => $("[data-static=restore-file]", views.memory).click(),
    "keep-confirm": (node) => ask("keep-confirm", { id: node.dataset.id }, "keep"),
    "keep-withdraw": () => ask("keep-withdraw", {}, "keep"),
    "keep-restart": () => ask("keep-restart", {}, "keep"),
  };

  let searching = null;
  document.addEventListener("input", ({ target }) => {
    if (target.dataset?.static !== "memory-search") return;
    at.query = target.value;
    clearTimeout(searching);
    searching = setTimeout(() => show("said"), SEARCH_AFTER_MS);
  });
  document.addEventListener("change", ({ target }) => {
    if (!["keep-file", "restore-file"].includes(target.dataset?.static) || !target.files.length) return;
    const { kind } = target.dataset;
    bringing = { kind, files: [...target.files] };
    target.value = "";
    ask("keep-bring", { kind, people: $("[data-static=people]", views.memory).checked }, "keep");
  });
  document.addEventListener("keydown", (event) => {
    if (event.isComposing || event.keyCode === 229) return;
    const form = event.target.closest?.(".rewrite, .adding");
    if (form && event.key === "Enter" && !event.shiftKey && event.target.matches("textarea, [type=text]")) {
      event.preventDefault();
      if (form.matches(".rewrite")) save(event.target);
      else add();
    } else if (event.key === "Escape" && event.target.closest?.(".rewrite, #memory .confirm, .question .confirm")) {
      event.stopImmediatePropagation();
      shown(event.target.closest(".rewrite, .confirm"), false);
    }
  });

  return { actions, painters: { memory: painted }, show: () => show(at.tab) };
};
