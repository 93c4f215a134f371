// Draws HTML by changing only what differs, so selections, focus and open blocks survive; formulas by KaTeX.
//
// `data-key` names an element that may move among its siblings. `data-static` keeps what the person did with an element
// (hidden or shown, its text), and for a few also its contents, which the page fills itself.
(() => {
  "use strict";
  const KEPT = new Set(["files", "message", "toast", "countdown", "passage"]);

  function parse(html) {
    const template = document.createElement("template");
    template.innerHTML = html;
    return template.content;
  }

  // The contents of an element.
  function draw(root, html) {
    merge(root, parse(html));
    math(root);
  }

  // An element itself; `html` holds exactly one.
  function update(node, html) {
    mergeNode(node, parse(html).firstElementChild);
    math(node);
  }

  function merge(from, to) {
    const keyed = new Map([...from.children].filter((c) => c.dataset.key).map((c) => [c.dataset.key, c]));
    let at = from.firstChild;
    for (const next of [...to.childNodes]) {
      const key = next.dataset?.key;
      let match = null;
      if (key) match = keyed.get(key) ?? null;
      else if (at && at.nodeName === next.nodeName && !at.dataset?.key) match = at;
      if (!match) from.insertBefore(next, at);
      else {
        if (match === at) at = at.nextSibling;
        else from.insertBefore(match, at);
        mergeNode(match, next);
      }
    }
    while (at) {
      const rest = at.nextSibling;
      at.remove();
      at = rest;
    }
  }

  function mergeNode(node, next) {
    if (node.nodeType !== Node.ELEMENT_NODE) {
      if (node.nodeValue !== next.nodeValue) node.nodeValue = next.nodeValue;
      return;
    }
    if (next.dataset?.tex !== undefined && node.dataset.tex === next.dataset.tex) return;
    const fixed = next.dataset?.static;
    for (const { name } of [...node.attributes]) {
      if (!next.hasAttribute(name) && name !== "open" && !fixed) node.removeAttribute(name);
    }
    for (const { name, value } of next.attributes) {
      if (fixed && ["hidden", "class", "value", "style"].includes(name)) continue;
      if (node.getAttribute(name) !== value) {
        node.setAttribute(name, value);
        if (name === "value" && node !== document.activeElement) node.value = value;
      }
    }
    if (!KEPT.has(fixed)) merge(node, next);
  }

  let katex = null;
  async function math(root) {
    const nodes = [...root.querySelectorAll("[data-tex]:not([data-drawn])")];
    if (!nodes.length || !window.patinaFacts.katex) return;
    katex ??= (async () => {
      const link = document.createElement("link");
      link.rel = "stylesheet";
      link.href = window.patinaFacts.katexStyle;
      document.head.append(link);
      return (await import(new URL(window.patinaFacts.katex, document.baseURI))).default;
    })();
    const { render } = await katex;
    for (const node of nodes) {
      node.dataset.drawn = "";
      render(node.dataset.tex, node, { displayMode: node.dataset.display === "1", throwOnError: false, trust: false });
    }
  }

  window.patinaDrawing = { draw, update };
})();
