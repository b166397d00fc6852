/** `<ledgerbell-balance>`: what there is of each currency, and a short glow when it moves. */

import { isZero } from '../format.js';
import { html } from '../vendor/lit.js';
import { LedgerbellElement } from './base.js';
import { Keyed } from './keyed.js';
import { sheet } from './styles.js';

/** @typedef {import('../types.js').Balance} Balance */

export class LedgerbellBalance extends LedgerbellElement {
  static sheets = [
    sheet(`
      :host { display: block; }
      .cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 14rem), 1fr)); gap: .75rem; }
      .card { padding: 1.1rem 1.25rem; border: 1px solid var(--line); border-radius: var(--radius); background: var(--surface); }
      .amount { font-size: clamp(1.5rem, 7vw, 2.4rem); font-weight: 700; line-height: 1.2; font-variant-numeric: tabular-nums; }
      .moved { animation: moved 1.6s ease-out; }
      @keyframes moved { from { background: var(--tint); border-color: var(--accent); } }
    `),
  ];

  #cards = new Keyed();
  #before = new Set();

  clientChanged() {
    this.#before.clear();
  }

  get template() {
    const empty = this.client?.state.loaded && this.#shown.length === 0;
    return html`<div class="cards" part="list"></div><p class="soft" part="empty">${empty ? this.words.say('noBalance') : ''}</p>`;
  }

  drawn() {
    const entries = this.#shown.map((balance) => ({
      // Another element for another version, so that it glows again.
      key: balance.currency + balance.version,
      shows: [this.words],
      template: () => this.#card(balance),
    }));
    this.#cards.draw(/** @type {Element} */ (this.root.querySelector('.cards')), entries);
    for (const { currency } of this.#shown) this.#before.add(currency);
  }

  get #shown() {
    const only = this.getAttribute('currency');
    return (this.client?.state.balances ?? []).filter(({ currency }) => !only || currency === only);
  }

  /** @param {Balance} balance */
  #card({ currency, available, posted, held }) {
    const { words } = this;
    return html`
      <div class="card ${this.#before.has(currency) ? 'moved' : ''}" part="balance" data-currency=${currency}>
        <p class="soft small" part="label">${words.say('available', { currency })}</p>
        <p class="amount" part="amount">${words.money(available, currency)}</p>
        <p class="soft" part="held">${isZero(held) ? '' : words.say('held', { held: words.money(held, currency), posted: words.money(posted, currency) })}</p>
      </div>
    `;
  }
}
