/** Verifying: a service is chosen, its number shown, and its code when it comes; given up or refunded from its row. */

import { ApiError } from '../api.js';
import { element } from '../elements.js';
import { clock, money } from '../format.js';
import { minus } from './amounts.js';
import { Copy } from './copy.js';
import { Intent } from './intent.js';
import { attempt, shortage, tellOfToken, wordsFor } from './outcome.js';
import { CreditRefund } from './refunds.js';
import { verificationState } from './states.js';

const PATH = '/v1/verifications';
const CANCELLABLE = ['requested', 'unknown', 'awaiting_sms'];
const OPEN = ['holding', ...CANCELLABLE, 'expiring', 'cancelling'];

/** @type {import('./records.js').Kind} */
export const VERIFICATIONS = {
  path: PATH,
  empty: 'No verifications yet. Get a code, and its number shows here.',
  idOf: (item) => item.verification_id,
  timeOf: (item) => item.created_at,
  title: (item) => item.service_name ?? item.service,
  state: verificationState,
  facts: (item) => [
    ['Reference', item.reference],
    ['Reason', item.reason],
  ],
  asks: (item) => OPEN.includes(item.state),
  controls: (desk) => new VerificationControls(desk),
};

export class Verify {
  #desk;
  #intent;
  #services = new Map();
  #loading = null;
  #choice = element('select', { id: 'verify-service', name: 'service', 'aria-describedby': 'verify-words' });
  #button = element('button', { class: 'primary', type: 'submit' }, 'Get a number');
  #words = element('p', { class: 'complaint', id: 'verify-words', role: 'alert' });
  #topUp = element('button', { class: 'plain', type: 'button', hidden: '' }, 'Top up');
  #short = '';

  /** @param {HTMLElement} root takes the form @param {object} desk */
  constructor(root, desk) {
    this.#desk = desk;
    this.#intent = new Intent(desk.api);
    const form = element(
      'form',
      { class: 'form', novalidate: '', 'aria-labelledby': 'verify-heading' },
      element('h2', { id: 'verify-heading' }, 'Get a code'),
      element('p', { class: 'quiet' }, 'A number to receive one SMS. It is paid for only when there is one, and refunded when no SMS comes.'),
      element('div', { class: 'field' }, element('label', { for: 'verify-service' }, 'Service'), this.#choice),
      this.#words,
      element('div', { class: 'buttons' }, this.#button, this.#topUp),
    );
    this.#choice.addEventListener('change', () => this.#show());
    this.#topUp.addEventListener('click', () => desk.topUp(this.#short));
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      this.#topUp.hidden = true;
      attempt(this.#button, this.#words, () => this.#get(), (error) => this.#offerTopUp(error));
    });
    root.append(form);
  }

  async focus() {
    this.#choice.focus();
    try {
      await this.#load();
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      this.#words.textContent = wordsFor(error);
      tellOfToken(this.#words, error);
    }
  }

  /** What is sold, the first time it is wanted. */
  async #load() {
    this.#loading ??= this.#desk.api.get(`${PATH}/services`).catch((error) => {
      this.#loading = null;
      throw error;
    });
    const { items } = await this.#loading;
    if (this.#services.size > 0) return;
    for (const item of items) this.#services.set(item.key, item);
    this.#choice.replaceChildren(...items.map((item) => element('option', { value: item.key }, `${item.name} · ${money(item.price, item.currency)}`)));
    this.#show();
  }

  #show() {
    this.#words.textContent = '';
    this.#topUp.hidden = true;
  }

  async #get() {
    await this.#load();
    await this.#desk.made('verifications', await this.#intent.send(PATH, { service: this.#choice.value }));
  }

  #offerTopUp(error) {
    if (error.status !== 402) return;
    const known = shortage(error);
    const { price, currency } = this.#services.get(this.#choice.value);
    const available = this.#desk.available(currency);
    this.#short = known?.missing ?? minus(price, available);
    // The balance may have moved meanwhile: then the service's own words have to do.
    if (!known && !this.#short.startsWith('-')) this.#words.textContent = `${money(this.#short, currency)} is missing: it costs ${money(price, currency)}, and you have ${money(available, currency)}.`;
    this.#topUp.hidden = false;
  }
}

class VerificationControls {
  #desk;
  #intent;
  #number = new Copy('Number', 'number');
  #code = new Copy('Code', 'code');
  #note = element('p', { class: 'quiet' });
  #cancel = element('button', { class: 'plain', type: 'button' }, 'Cancel');
  #words = element('p', { class: 'complaint', role: 'alert' });
  #refund;
  #id = '';

  constructor(desk) {
    this.#desk = desk;
    this.#intent = new Intent(desk.api);
    this.#refund = new CreditRefund(desk);
    this.#cancel.addEventListener('click', () => attempt(this.#cancel, this.#words, () => this.#giveUp()));
    const copies = element('div', { class: 'copies' }, this.#number.node, this.#code.node);
    this.node = element('div', {}, copies, this.#note, element('div', { class: 'buttons' }, this.#cancel), this.#words, this.#refund.node);
  }

  render(item) {
    this.#id = item.verification_id;
    this.#number.render(item.phone_number);
    this.#code.render(item.code);
    this.#note.textContent = noteOn(item);
    this.#cancel.hidden = !CANCELLABLE.includes(item.state) || item.cancel_requested;
    this.#cancel.textContent = item.state === 'awaiting_sms' ? 'Cancel, and get the money back' : 'Cancel';
    this.#refund.render(item);
  }

  async #giveUp() {
    await this.#intent.send(`${PATH}/${this.#id}/cancel`);
    await this.#desk.changed('verifications', this.#id);
  }
}

function noteOn({ state, deadline, cancel_requested: cancelled }) {
  if (state === 'awaiting_sms') {
    const until = deadline ? ` It may come until ${clock(new Date(deadline))}; then the money goes back by itself.` : '';
    return `Use the number now; its code shows here.${until}`;
  }
  if (state === 'unknown') return 'The provider has not answered yet. You are charged only if there is a number.';
  if (state === 'timed_out' || state === 'cancelled') return 'The money goes back to your balance by itself.';
  if (cancelled && CANCELLABLE.includes(state)) return 'It is cancelled as soon as it can be.';
  return '';
}
