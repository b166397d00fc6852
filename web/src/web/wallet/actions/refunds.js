/** Refunds: asked for from a payment's or a verification's row, followed and given up in a row of their own. */

import { element, hereTo } from '../elements.js';
import { money } from '../format.js';
import { typed } from './amounts.js';
import { Intent } from './intent.js';
import { attempt } from './outcome.js';
import { refundState } from './states.js';

const PATH = '/v1/refunds';
let fields = 0;

/** @type {import('./records.js').Kind} */
export const REFUNDS = {
  path: PATH,
  empty: 'No refunds yet.',
  idOf: (item) => item.refund_id,
  timeOf: (item) => item.created_at,
  title: (item) => (item.kind === 'money' ? 'Refund to card' : item.auto ? 'Instant refund' : 'Refund to balance'),
  state: refundState,
  facts: (item) => [
    ['Reference', item.reference],
    ['For', item.reason],
    ['Why not', item.failure_reason],
  ],
  asks: (item) => item.state === 'initiated',
  controls: (desk) => new RefundControls(desk),
};

class RefundControls {
  #desk;
  #intent;
  #of = element('p', { class: 'quiet' });
  #cancel = element('button', { class: 'plain', type: 'button' }, 'Cancel this refund');
  #words = element('p', { class: 'complaint', role: 'alert' });
  #id = '';

  constructor(desk) {
    this.#desk = desk;
    this.#intent = new Intent(desk.api);
    this.#cancel.addEventListener('click', () => attempt(this.#cancel, this.#words, () => this.#giveUp()));
    this.node = element('div', {}, this.#of, element('div', { class: 'buttons' }, this.#cancel), this.#words);
  }

  render(item) {
    this.#id = item.refund_id;
    if (item.payment_id) this.#of.replaceChildren(hereTo(`/payments/${item.payment_id}`, 'View the payment'));
    else if (item.verification_id) this.#of.replaceChildren(hereTo(`/verifications/${item.verification_id}`, 'View the verification'));
    this.#cancel.hidden = item.state !== 'initiated';
  }

  async #giveUp() {
    await this.#intent.send(`${PATH}/${this.#id}/cancel`);
    await this.#desk.changed('refunds', this.#id);
  }
}

/** A form that a button opens and `Escape` closes; what is asked for is shown beside the button afterwards. */
class RefundForm {
  #desk;
  #intent;
  #open;
  #form;
  #submit = element('button', { class: 'primary', type: 'submit' }, 'Ask for it');
  #words = element('p', { class: 'complaint', role: 'alert' });
  #done = element('p', { class: 'quiet', role: 'status' });
  #reason;

  /** @param {object} desk @param {string} name on the button @param {...Node} before fields above the reason */
  constructor(desk, name, ...before) {
    this.#desk = desk;
    this.#intent = new Intent(desk.api);
    this.#open = element('button', { class: 'plain', type: 'button', 'aria-expanded': 'false' }, name);
    this.#reason = element('input', { name: 'reason', maxlength: '200', autocomplete: 'off' });
    const never = element('button', { class: 'plain', type: 'button' }, 'Never mind');
    this.#form = element('form', { class: 'refund-form', novalidate: '', hidden: '', 'aria-label': name }, ...before, field('Reason', this.#reason), this.#words, element('div', { class: 'buttons' }, this.#submit, never));
    this.#open.addEventListener('click', () => this.#toggle(this.#form.hidden));
    never.addEventListener('click', () => this.#toggle(false));
    this.#form.addEventListener('keydown', (event) => event.key === 'Escape' && this.#toggle(false));
    this.#form.addEventListener('submit', (event) => {
      event.preventDefault();
      attempt(this.#submit, this.#words, () => this.#ask());
    });
    this.node = element('div', {}, element('div', { class: 'buttons' }, this.#open), this.#form, this.#done);
  }

  /** What is asked for, or a sentence that says what is missing. @type {() => object | string} */
  wanted = () => 'Nothing to refund.';

  /** @param {boolean} possible */
  set offered(possible) {
    this.#open.hidden = !possible;
    if (!possible) this.#form.hidden = true;
  }

  #toggle(open) {
    this.#form.hidden = !open;
    this.#open.setAttribute('aria-expanded', String(open));
    if (open) this.#form.querySelector('input').focus();
    else this.#open.focus();
  }

  async #ask() {
    const wanted = this.wanted();
    const reason = this.#reason.value.trim();
    if (typeof wanted === 'string' || !reason) {
      this.#words.textContent = typeof wanted === 'string' ? wanted : 'Say in a few words why.';
      (typeof wanted === 'string' ? this.#form.querySelector('input') : this.#reason).focus();
      return;
    }
    const refund = await this.#intent.send(PATH, { ...wanted, reason });
    this.#done.replaceChildren(`A refund of ${money(refund.amount, refund.currency)} is asked for: `, hereTo(`/refunds/${refund.refund_id}`, `Refund ${refund.reference}`));
    this.#reason.value = '';
    this.#toggle(false);
    this.#desk.heardOf('refunds', refund.refund_id);
  }
}

/** Part or all of a payment, back to where it was paid from. */
export class CardRefund {
  #form;
  #amount = element('input', { name: 'amount', inputmode: 'decimal', autocomplete: 'off' });
  #id = '';

  constructor(desk) {
    this.#form = new RefundForm(desk, 'Refund to card', field('Amount', this.#amount));
    this.#form.wanted = () => {
      const amount = typed(this.#amount.value);
      return amount === null ? 'Type an amount, such as 12.50.' : { payment_id: this.#id, amount };
    };
    this.node = this.#form.node;
  }

  render({ payment_id: id, state, amount }) {
    if (id !== this.#id) this.#amount.value = amount;
    this.#id = id;
    this.#form.offered = state === 'completed';
  }
}

/** What a verification has cost, back to the balance. */
export class CreditRefund {
  #form;

  constructor(desk) {
    this.#form = new RefundForm(desk, 'Ask for a refund');
    this.node = this.#form.node;
  }

  render({ verification_id: id, state }) {
    this.#form.wanted = () => ({ verification_id: id });
    // Where no code came the money goes back unasked.
    this.#form.offered = state === 'completed';
  }
}

function field(label, input) {
  input.id = `refund-field-${(fields += 1)}`;
  return element('div', { class: 'field' }, element('label', { for: input.id }, label), input);
}
