/** `<ledgerbell-history>`: everything that ever rang. */

import { LedgerbellElement } from './base.js';
import { sheet } from './styles.js';

export class LedgerbellHistory extends LedgerbellElement {
  static sheets = [sheet(':host { display: block; }')];

  /** @type {import('./lists.js').HistoryView | null} */
  #view = null;

  async connectedCallback() {
    super.connectedCallback();
    const { HistoryView } = await import('./lists.js');
    if (this.#view) return;
    this.#view = new HistoryView(this);
    this.#view.show();
  }

  clientChanged() {
    this.#view?.show();
  }

  get template() {
    return this.#view?.template;
  }

  drawn() {
    this.#view?.drawn();
  }
}
