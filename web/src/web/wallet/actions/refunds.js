/** Refunds: asked for from a payment's or a verification's row, followed and given up in a row of their own. */

import { complaint, element, field, hereTo, plainButton } from '../elements.js';
import { asTyped, say } from '../words.js';
import { typed } from './amounts.js';
import { Intent } from './intent.js';
import { attempt } from './outcome.js';
import { RefundForm } from './refund_form.js';
import { refundState } from './states.js';

const PATH = '/v1/refunds';
let amounts = 0;

/** @type {import('./records.js').Kind} */
export const REFUNDS = {
  path: PATH,
  empty: 'noRefunds',
  idOf: (item) => item.refund_id,
  timeOf: (item) => item.created_at,
  title: (item) => say(item.kind === 'money' ? 'refundToCard' : item.auto ? 'refundInstant' : 'refundToBalance'),
  state: refundState,
  facts: (item) => [
    [say('reference'), item.reference],
    [say('for'), item.reason],
    [say('whyNot'), item.failure_reason],
  ],
  asks: (item) => item.state === 'initiated',
  controls: (desk) => new RefundControls(desk),
};

class RefundControls {
  #desk;
  #intent;
  #of = element('p', { class: 'quiet' });
  #cancel = plainButton(say('cancelRefund'));
  #words = complaint();
  #id = '';

  /** @param {import('./desk.js').Desk} desk */
  constructor(desk) {
    this.#desk = desk;
    this.#intent = new Intent(desk.api);
    this.#cancel.addEventListener('click', () => attempt(this.#cancel, this.#words, () => this.#giveUp()));
    this.node = element('div', {}, this.#of, element('div', { class: 'buttons' }, this.#cancel), this.#words);
  }

  /** @param {import('./records.js').Item} item */
  render(item) {
    this.#id = item.refund_id;
    if (item.payment_id) this.#of.replaceChildren(hereTo(`/payments/${item.payment_id}`, say('viewPayment')));
    else if (item.verification_id) this.#of.replaceChildren(hereTo(`/verifications/${item.verification_id}`, say('viewVerification')));
    this.#cancel.hidden = item.state !== 'initiated';
  }

  async #giveUp() {
    await this.#intent.send(`${PATH}/${this.#id}/cancel`);
    await this.#desk.changed('refunds', this.#id);
  }
}

/** Part or all of a payment, back to where it was paid from. */
export class CardRefund {
  #form;
  #amount = element('input', { id: `refund-amount-${(amounts += 1)}`, name: 'amount', inputmode: 'decimal', autocomplete: 'off' });
  #id = '';

  /** @param {import('./desk.js').Desk} desk */
  constructor(desk) {
    this.#form = new RefundForm(desk, PATH, say('refundToCard'), field(say('amount'), this.#amount));
    this.#form.wanted = () => {
      const amount = typed(this.#amount.value);
      return amount === null ? say('typeAmount') : { payment_id: this.#id, amount };
    };
    this.node = this.#form.node;
  }

  /** @param {import('./records.js').Item} payment */
  render({ payment_id: id, state, amount }) {
    if (id !== this.#id) this.#amount.value = asTyped(amount);
    this.#id = id;
    this.#form.offered = state === 'completed';
  }
}

/** What a verification has cost, back to the balance. */
export class CreditRefund {
  #form;

  /** @param {import('./desk.js').Desk} desk */
  constructor(desk) {
    this.#form = new RefundForm(desk, PATH, say('askRefund'));
    this.node = this.#form.node;
  }

  /** @param {import('./records.js').Item} verification */
  render({ verification_id: id, state }) {
    this.#form.wanted = () => ({ verification_id: id });
    // Where no code came the money goes back unasked.
    this.#form.offered = state === 'completed';
  }
}
