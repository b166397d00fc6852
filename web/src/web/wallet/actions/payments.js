/** Topping up: begun with an amount, paid on the provider's own page, given up or refunded from its row. */

import { element, outwards } from '../elements.js';
import { money } from '../format.js';
import { atLeast, typed } from './amounts.js';
import { Intent } from './intent.js';
import { attempt } from './outcome.js';
import { CardRefund } from './refunds.js';
import { paymentState } from './states.js';

const PATH = '/v1/payments';
const CURRENCY = 'USD';
const PRESETS = ['5.00', '10.00', '20.00', '50.00'];
const OPEN = ['initiated', 'pending', 'unknown'];

/** @type {import('./records.js').Kind} */
export const PAYMENTS = {
  path: PATH,
  empty: 'No payments yet. Top up, and they show here.',
  idOf: (item) => item.payment_id,
  timeOf: (item) => item.created_at,
  title: () => 'Top-up',
  state: paymentState,
  facts: (item) => [
    ['Reference', item.reference],
    ['Reason', item.reason],
  ],
  asks: (item) => OPEN.includes(item.state),
  controls: (desk) => new PaymentControls(desk),
};

export class TopUp {
  #desk;
  #intent;
  #amount;
  #button;
  #words;
  #presets;

  /** @param {HTMLElement} root takes the form @param {object} desk */
  constructor(root, desk) {
    this.#desk = desk;
    this.#intent = new Intent(desk.api);
    this.#amount = element('input', { id: 'top-up-amount', name: 'amount', inputmode: 'decimal', autocomplete: 'off', required: '', 'aria-describedby': 'top-up-words' });
    this.#button = element('button', { class: 'primary', type: 'submit' }, 'Top up');
    this.#words = element('p', { class: 'complaint', id: 'top-up-words', role: 'alert' });
    this.#presets = PRESETS.map((preset) => element('button', { class: 'chip', type: 'button', 'aria-pressed': 'false', value: preset }, money(preset, CURRENCY, { short: true })));
    for (const preset of this.#presets) preset.addEventListener('click', () => this.#choose(preset.value));
    const form = element(
      'form',
      { class: 'form', novalidate: '', 'aria-labelledby': 'top-up-heading' },
      element('h2', { id: 'top-up-heading' }, 'Top up'),
      element('div', { class: 'chips', role: 'group', 'aria-label': 'Amounts' }, ...this.#presets),
      element('div', { class: 'field' }, element('label', { for: 'top-up-amount' }, `Amount in ${CURRENCY}`), this.#amount),
      this.#words,
      this.#button,
    );
    this.#amount.addEventListener('input', () => this.#show());
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      attempt(this.#button, this.#words, () => this.#pay());
    });
    root.append(form);
    this.#choose(PRESETS[1]);
  }

  /** Put the keyboard here, with the smallest usual amount that covers what is needed. @param {string} [least] */
  focus(least) {
    if (least) this.#choose(PRESETS.find((preset) => atLeast(preset, least)) ?? least);
    this.#amount.focus();
    this.#amount.select();
  }

  #choose(amount) {
    this.#amount.value = amount;
    this.#show();
  }

  #show() {
    const amount = typed(this.#amount.value);
    for (const preset of this.#presets) preset.setAttribute('aria-pressed', String(preset.value === amount));
    this.#button.textContent = amount === null ? 'Top up' : `Top up ${money(amount, CURRENCY)}`;
    if (amount !== null) this.#words.textContent = '';
  }

  async #pay() {
    const amount = typed(this.#amount.value);
    if (amount === null) {
      this.#words.textContent = 'Type an amount, such as 12.50.';
      this.#amount.focus();
      return;
    }
    await this.#desk.made('payments', await this.#intent.send(PATH, { amount, currency: CURRENCY }));
  }
}

class PaymentControls {
  #desk;
  #intent;
  #note = element('p', { class: 'quiet' });
  #checkout = element('p', { class: 'next' });
  #address = null;
  #cancel = element('button', { class: 'plain', type: 'button' }, 'Cancel this payment');
  #words = element('p', { class: 'complaint', role: 'alert' });
  #refund;
  #id = '';

  constructor(desk) {
    this.#desk = desk;
    this.#intent = new Intent(desk.api);
    this.#refund = new CardRefund(desk);
    this.#cancel.addEventListener('click', () => attempt(this.#cancel, this.#words, () => this.#giveUp()));
    const buttons = element('div', { class: 'buttons' }, this.#checkout, this.#cancel);
    this.node = element('div', {}, this.#note, buttons, this.#words, this.#refund.node);
  }

  render(item) {
    this.#id = item.payment_id;
    this.#note.textContent = item.state === 'unknown' ? 'The payment provider has not answered yet. This page keeps asking; nothing is paid twice.' : '';
    this.#renderCheckout(item);
    this.#cancel.hidden = !OPEN.includes(item.state);
    this.#refund.render(item);
  }

  #renderCheckout({ checkout_url: address, amount, currency }) {
    // Made anew only when it changes, for the keyboard may stand on it.
    if (address === this.#address) return;
    this.#address = address;
    const link = outwards(address, `Pay ${money(amount, currency)} at the checkout`);
    link?.setAttribute('data-next', '');
    this.#checkout.replaceChildren(...(link ? [link] : []));
  }

  async #giveUp() {
    await this.#intent.send(`${PATH}/${this.#id}/cancel`);
    await this.#desk.changed('payments', this.#id);
  }
}
