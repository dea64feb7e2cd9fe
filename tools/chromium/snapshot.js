// The document as its reader sees it: shadow trees in the place of their hosts, what
// is slotted where it is shown, and nothing that only programs read. It is copied into
// a document in which nothing runs.
(limit) => {
  const UNSEEN = new Set(["style", "noscript", "template"]);
  const inert = document.implementation.createHTMLDocument();
  const isUnseen = (node) =>
    UNSEEN.has(node.localName) ||
    (node.localName === "script" && node.type !== "application/ld+json");
  const shown = (node) => {
    if (node.shadowRoot) return node.shadowRoot.childNodes;
    if (node.localName === "slot") {
      const assigned = node.assignedNodes();
      if (assigned.length > 0) return assigned;
    }
    return node.childNodes;
  };
  const root = document.documentElement;
  if (!root) return "";
  const copy = inert.importNode(root, false);
  const left = [[root, copy]];
  while (left.length > 0) {
    const [from, to] = left.pop();
    for (const child of shown(from)) {
      if (isUnseen(child)) continue;
      const copied = inert.importNode(child, false);
      to.appendChild(copied);
      if (child.nodeType === Node.ELEMENT_NODE) left.push([child, copied]);
    }
  }
  return copy.outerHTML.slice(0, limit);
}
