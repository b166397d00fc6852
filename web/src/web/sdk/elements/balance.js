/** `<ledgerbell-balance>`: what there is of each currency, and a short glow when it moves. */

import { isZero } from '../format.js';
import { css, html, nothing, render } from '../vendor/lit.js';
import { LedgerbellElement } from './base.js';
import { place } from './place.js';
import { base } from './styles.js';

/** @typedef {import('../types.js').Balance} Balance */

export class LedgerbellBalance extends LedgerbellElement {
  /** @type {import('../vendor/lit.js').PropertyDeclarations} */
  static properties = {
    /** Only this one. */
    currency: {},
  };

  static styles = [
    base,
    css`
      :host { display: block; }
      ul { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 14rem), 1fr)); gap: 0.75rem; }
      li { padding: 1.1rem 1.25rem; border: 1px solid var(--line); border-radius: var(--radius); background: var(--surface); }
      .amount { font-size: clamp(1.5rem, 7vw, 2.4rem); font-weight: 700; line-height: 1.2; letter-spacing: -0.02em; font-variant-numeric: tabular-nums; }
      .moved { animation: moved 1.6s ease-out; }
      @keyframes moved { from { background: var(--tint); border-color: var(--accent); } }
    `,
  ];

  /** @type {Map<string, {node: HTMLElement, drawn: unknown[]}>} by currency */
  #cards = new Map();

  constructor() {
    super();
    /** @type {string | undefined} */
    this.currency = undefined;
  }

  clientChanged() {
    this.#cards.clear();
  }

  render() {
    const empty = this.client?.state.loaded && this.#shown.length === 0;
    return html`<ul role="list" part="list"></ul>${empty ? html`<p class="soft" part="empty">${this.words.say('noBalance')}</p>` : nothing}`;
  }

  updated() {
    const cards = this.#shown.map((balance) => this.#card(balance));
    place(/** @type {Element} */ (this.renderRoot.querySelector('ul')), cards);
  }

  get #shown() {
    const balances = this.client?.state.balances ?? [];
    return balances.filter(({ currency }) => !this.currency || currency === this.currency);
  }

  /** A new node for a new version, so that it glows again. @param {Balance} balance */
  #card(balance) {
    const known = this.#cards.get(balance.currency);
    const drawn = [balance.version, this.words];
    if (known && drawn.every((part, at) => part === known.drawn[at])) return known.node;
    const node = document.createElement('li');
    node.setAttribute('part', 'balance');
    node.dataset.currency = balance.currency;
    node.classList.toggle('moved', known !== undefined && known.drawn[0] !== balance.version);
    render(this.#words(balance), node);
    this.#cards.set(balance.currency, { node, drawn });
    return node;
  }

  /** @param {Balance} balance */
  #words({ currency, available, posted, held }) {
    const { words } = this;
    return html`
      <p class="soft small" part="label">${words.say('available', { currency })}</p>
      <p class="amount" part="amount">${words.money(available, currency)}</p>
      ${
        isZero(held)
          ? nothing
          : html`<p class="soft" part="held">${words.say('held', { held: words.money(held, currency), posted: words.money(posted, currency) })}</p>`
      }
    `;
  }
}
