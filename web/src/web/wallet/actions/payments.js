/** Topping up: begun with an amount, paid on the provider's own page, given up or refunded from its row. */

import { complaint, element, field, outwards, plainButton } from '../elements.js';
import { asTyped, money, roundMoney, say } from '../words.js';
import { atLeast, CURRENCY, typed } from './amounts.js';
import { Intent } from './intent.js';
import { attempt } from './outcome.js';
import { CardRefund } from './refunds.js';
import { paymentState } from './states.js';

const PATH = '/v1/payments';
const PRESETS = ['5.00', '10.00', '20.00', '50.00'];
const OPEN = ['initiated', 'pending', 'unknown'];

/** @type {import('./records.js').Kind} */
export const PAYMENTS = {
  path: PATH,
  empty: 'noPayments',
  idOf: (item) => item.payment_id,
  timeOf: (item) => item.created_at,
  title: () => say('payment'),
  state: paymentState,
  facts: (item) => [
    [say('reference'), item.reference],
    [say('reason'), item.reason],
  ],
  asks: (item) => OPEN.includes(item.state),
  controls: (desk) => new PaymentControls(desk),
};

export class TopUp {
  #desk;
  #intent;
  #amount = element('input', { id: 'top-up-amount', name: 'amount', inputmode: 'decimal', autocomplete: 'off', required: '', 'aria-describedby': 'top-up-words' });
  #button = element('button', { class: 'primary', type: 'submit' });
  #words = complaint({ id: 'top-up-words' });
  #presets = PRESETS.map((preset) => element('button', { class: 'chip', type: 'button', 'aria-pressed': 'false', value: preset }, roundMoney(preset, CURRENCY)));

  /** @param {HTMLElement} root takes the form @param {import('./desk.js').Desk} desk */
  constructor(root, desk) {
    this.#desk = desk;
    this.#intent = new Intent(desk.api);
    for (const preset of this.#presets) preset.addEventListener('click', () => this.#choose(preset.value));
    const form = element(
      'form',
      { class: 'form', novalidate: '', 'aria-labelledby': 'top-up-heading' },
      element('h2', { id: 'top-up-heading' }, say('topUp')),
      element('div', { class: 'chips', role: 'group', 'aria-label': say('amounts') }, ...this.#presets),
      field(say('amountIn', { currency: CURRENCY }), this.#amount),
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

  /** @param {string} amount */
  #choose(amount) {
    this.#amount.value = asTyped(amount);
    this.#show();
  }

  #show() {
    const amount = typed(this.#amount.value);
    for (const preset of this.#presets) preset.setAttribute('aria-pressed', String(preset.value === amount));
    this.#button.textContent = amount === null ? say('topUp') : say('topUpBy', { amount: money(amount, CURRENCY) });
    if (amount !== null) this.#words.textContent = '';
  }

  async #pay() {
    const amount = typed(this.#amount.value);
    if (amount === null) {
      this.#words.textContent = say('typeAmount');
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
  /** @type {string | null} */
  #address = null;
  #cancel = plainButton(say('cancelPayment'));
  #words = complaint();
  #refund;
  #id = '';

  /** @param {import('./desk.js').Desk} desk */
  constructor(desk) {
    this.#desk = desk;
    this.#intent = new Intent(desk.api);
    this.#refund = new CardRefund(desk);
    this.#cancel.addEventListener('click', () => attempt(this.#cancel, this.#words, () => this.#giveUp()));
    const buttons = element('div', { class: 'buttons' }, this.#checkout, this.#cancel);
    this.node = element('div', {}, this.#note, buttons, this.#words, this.#refund.node);
  }

  /** @param {import('./records.js').Item} item */
  render(item) {
    this.#id = item.payment_id;
    this.#note.textContent = item.state === 'unknown' ? say('paymentUnknownNote') : '';
    this.#renderCheckout(item);
    this.#cancel.hidden = !OPEN.includes(item.state);
    this.#refund.render(item);
  }

  /** @param {import('./records.js').Item} item */
  #renderCheckout({ checkout_url: address, amount, currency }) {
    // Made anew only when it changes, for the keyboard may stand on it.
    if (address === this.#address) return;
    this.#address = address;
    const link = outwards(address, say('pay', { amount: money(amount, currency) }));
    link?.setAttribute('data-next', '');
    this.#checkout.replaceChildren(...(link ? [link] : []));
  }

  async #giveUp() {
    await this.#intent.send(`${PATH}/${this.#id}/cancel`);
    await this.#desk.changed('payments', this.#id);
  }
}
