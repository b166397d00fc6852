/** Puts nodes that stay the same objects into their order, moving none that need not move. */

/** @param {Element} parent @param {Element[]} nodes all its children from now on */
export function place(parent, nodes) {
  const wanted = new Set(nodes);
  for (const child of [...parent.children]) if (!wanted.has(child)) child.remove();
  let next = parent.firstElementChild;
  for (const node of nodes) {
    if (node === next) next = node.nextElementSibling;
    else parent.insertBefore(node, next);
  }
}
