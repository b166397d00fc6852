/** Panels of which one is shown: one stop for Tab, arrows between them. */

import { byId } from '../elements.js';

/** @type {Record<string, (at: number, count: number) => number>} */
const MOVES = {
  ArrowRight: (at, count) => (at + 1) % count,
  ArrowLeft: (at, count) => (at + count - 1) % count,
  Home: () => 0,
  End: (_at, count) => count - 1,
};

export class Tabs {
  #tabs;
  #onShow;

  /** @param {HTMLElement} root the tablist @param {(name: string) => void} onShow gets the `data-tab` of the tab */
  constructor(root, onShow) {
    this.#tabs = /** @type {HTMLElement[]} */ ([...root.querySelectorAll('[role="tab"]')]);
    this.#onShow = onShow;
    root.addEventListener('click', (event) => {
      const tab = this.#tabs.find((each) => each.contains(/** @type {Node} */ (event.target)));
      if (tab) this.show(nameOf(tab));
    });
    root.addEventListener('keydown', (event) => this.#key(event));
  }

  /** @param {string} name */
  show(name) {
    for (const tab of this.#tabs) {
      const chosen = nameOf(tab) === name;
      tab.setAttribute('aria-selected', String(chosen));
      tab.tabIndex = chosen ? 0 : -1;
      byId(tab.getAttribute('aria-controls') ?? '').hidden = !chosen;
    }
    this.#onShow(name);
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    const move = MOVES[event.key];
    if (!move || event.altKey || event.ctrlKey || event.metaKey) return;
    const next = this.#tabs[move(this.#tabs.indexOf(/** @type {HTMLElement} */ (event.target)), this.#tabs.length)];
    this.show(nameOf(next));
    next.focus();
    event.preventDefault();
  }
}

/** @param {HTMLElement} tab */
const nameOf = (tab) => tab.dataset.tab ?? '';
