/** Elements that stay the same objects while what they are for stays the same: drawn again only when it changes, and moved only when they must. */

import { render } from '../vendor/lit.js';

/** @typedef {{key: unknown, shows: unknown[], template: () => unknown}} Entry `shows`: what the template depends on */

export class Keyed {
  /** @type {Map<unknown, {node: HTMLElement, shows: unknown[]}>} */
  #known = new Map();

  /** @param {Element} parent @param {Entry[]} entries all there is to be in it, in their order */
  draw(parent, entries) {
    const known = new Map();
    for (const { key, shows, template } of entries) {
      const entry = this.#known.get(key) ?? { node: document.createElement('div'), shows: [] };
      if (shows.some((part, at) => part !== entry.shows[at])) render(template(), entry.node);
      entry.shows = shows;
      known.set(key, entry);
    }
    this.#known = known;
    place(parent, [...known.values()].map(({ node }) => node));
  }
}

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
