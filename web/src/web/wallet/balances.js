/** The balance of each currency, and a short glow when it moves. */

import { element } from './elements.js';
import { isZero, money } from './format.js';

export class Balances {
  #root;
  #none;
  /** @type {Map<string, {node: HTMLElement, version: number}>} */
  #cards = new Map();

  /** @param {HTMLElement} root a list @param {HTMLElement} none shown while there is no balance */
  constructor(root, none) {
    this.#root = root;
    this.#none = none;
  }

  render(balances) {
    this.#none.hidden = balances.length > 0;
    balances.forEach((balance, place) => this.#place(balance, place));
  }

  #place(balance, place) {
    const known = this.#cards.get(balance.currency);
    if (known?.version === balance.version) return;
    const node = makeCard(balance);
    if (known) known.node.replaceWith(node);
    else this.#root.insertBefore(node, this.#root.children[place] ?? null);
    if (known) node.classList.add('moved');
    this.#cards.set(balance.currency, { node, version: balance.version });
  }
}

function makeCard({ currency, available, posted, held }) {
  const card = element(
    'li',
    { class: 'balance', 'data-currency': currency },
    element('p', { class: 'balance-label' }, `Available · ${currency}`),
    element('p', { class: 'balance-amount' }, money(available, currency)),
  );
  if (!isZero(held)) card.append(element('p', { class: 'quiet' }, `${money(held, currency)} held of ${money(posted, currency)}`));
  return card;
}
