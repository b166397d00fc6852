/** A form for a refund that a button opens and `Escape` closes; what was asked for is shown beside it afterwards. */

import { complaint, element, field, hereTo, plainButton } from '../elements.js';
import { money, say } from '../words.js';
import { Intent } from './intent.js';
import { attempt } from './outcome.js';

let reasons = 0;

export class RefundForm {
  #desk;
  #intent;
  #path;
  #open;
  #form;
  #submit = element('button', { class: 'primary', type: 'submit' }, say('ask'));
  #words = complaint();
  #done = element('p', { class: 'quiet', role: 'status' });
  #reason = element('input', { id: `refund-reason-${(reasons += 1)}`, name: 'reason', maxlength: '200', autocomplete: 'off' });

  /**
   * @param {import('./desk.js').Desk} desk @param {string} path where refunds are asked for
   * @param {string} name on the button @param {...Node} before fields above the reason
   */
  constructor(desk, path, name, ...before) {
    this.#desk = desk;
    this.#intent = new Intent(desk.api);
    this.#path = path;
    this.#open = plainButton(name, { 'aria-expanded': 'false' });
    const never = plainButton(say('neverMind'));
    const buttons = element('div', { class: 'buttons' }, this.#submit, never);
    this.#form = element('form', { class: 'refund-form', novalidate: '', hidden: '', 'aria-label': name }, ...before, field(say('reason'), this.#reason), this.#words, buttons);
    this.#open.addEventListener('click', () => this.#toggle(Boolean(this.#form.hidden)));
    never.addEventListener('click', () => this.#toggle(false));
    this.#form.addEventListener('keydown', (event) => event.key === 'Escape' && this.#toggle(false));
    this.#form.addEventListener('submit', (event) => {
      event.preventDefault();
      attempt(this.#submit, this.#words, () => this.#ask());
    });
    this.node = element('div', {}, element('div', { class: 'buttons' }, this.#open), this.#form, this.#done);
  }

  /** What is asked for, or a sentence that says what is missing. @type {() => object | string} */
  wanted = () => ({});

  /** @param {boolean} possible */
  set offered(possible) {
    this.#open.hidden = !possible;
    if (!possible) this.#form.hidden = true;
  }

  get #first() {
    return /** @type {HTMLInputElement} */ (this.#form.querySelector('input'));
  }

  /** @param {boolean} open */
  #toggle(open) {
    this.#form.hidden = !open;
    this.#open.setAttribute('aria-expanded', String(open));
    (open ? this.#first : this.#open).focus();
  }

  async #ask() {
    const wanted = this.wanted();
    const reason = this.#reason.value.trim();
    if (typeof wanted === 'string') return this.#complain(wanted, this.#first);
    if (!reason) return this.#complain(say('sayWhy'), this.#reason);
    const refund = await this.#intent.send(this.#path, { ...wanted, reason });
    const link = hereTo(`/refunds/${refund.refund_id}`, say('refundLink', { reference: refund.reference }));
    this.#done.replaceChildren(`${say('refundAsked', { amount: money(refund.amount, refund.currency) })} `, link);
    this.#reason.value = '';
    this.#toggle(false);
    this.#desk.heardOf('refunds', refund.refund_id);
  }

  /** @param {string} words @param {HTMLElement} input */
  #complain(words, input) {
    this.#words.textContent = words;
    input.focus();
  }
}
