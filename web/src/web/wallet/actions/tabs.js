/** Panels of which one is shown: one stop for Tab, arrows between them. */

const MOVES = {
  ArrowRight: (at, count) => (at + 1) % count,
  ArrowLeft: (at, count) => (at + count - 1) % count,
  Home: () => 0,
  End: (_at, count) => count - 1,
};

export class Tabs {
  #tabs;
  #onShow;

  /** @param {HTMLElement} root the tablist @param {(name: string) => void} onShow gets the `data-name` of the tab */
  constructor(root, onShow) {
    this.#tabs = [...root.querySelectorAll('[role="tab"]')];
    this.#onShow = onShow;
    root.addEventListener('click', (event) => {
      const tab = event.target.closest('[role="tab"]');
      if (tab) this.show(tab.dataset.name);
    });
    root.addEventListener('keydown', (event) => this.#key(event));
  }

  show(name) {
    for (const tab of this.#tabs) {
      const chosen = tab.dataset.name === name;
      tab.setAttribute('aria-selected', String(chosen));
      tab.tabIndex = chosen ? 0 : -1;
      document.getElementById(tab.getAttribute('aria-controls')).hidden = !chosen;
    }
    this.#onShow(name);
  }

  #key(event) {
    const move = MOVES[event.key];
    if (!move || event.altKey || event.ctrlKey || event.metaKey) return;
    const next = this.#tabs[move(this.#tabs.indexOf(event.target), this.#tabs.length)];
    this.show(next.dataset.name);
    next.focus();
    event.preventDefault();
  }
}
