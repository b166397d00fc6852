/** `<ledgerbell-history>`: everything that ever rang. */

import { LedgerbellElement } from './base.js';
import { lists } from './later.js';
import { sheet } from './styles.js';

export class LedgerbellHistory extends LedgerbellElement {
  static sheets = [sheet(':host { display: block; }')];

  /** @type {import('./lists.js').HistoryView | null} */
  #view = null;

  clientChanged() {
    this.#view?.show();
  }

  get template() {
    return this.#view?.template;
  }

  drawn() {
    if (this.#view) this.#view.drawn();
    else this.#load();
  }

  async #load() {
    const { HistoryView } = (await lists()) ?? {};
    if (!HistoryView || this.#view) return;
    this.#view = new HistoryView(this);
    this.#view.show();
  }
}
