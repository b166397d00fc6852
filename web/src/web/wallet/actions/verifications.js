/** Verifying: a service is chosen, its number shown, and its code when it comes; given up or refunded from its row. */

import { ApiError, Refused } from '/sdk/v1/errors.js';
import { complaint, element, field, plainButton } from '../elements.js';
import { clock, money, say } from '../words.js';
import { minus } from './amounts.js';
import { Copy } from './copy.js';
import { Intent } from './intent.js';
import { attempt, shortage, tellOfToken, wordsFor, wordsForShortage } from './outcome.js';
import { CreditRefund } from './refunds.js';
import { verificationState } from './states.js';

const PATH = '/v1/verifications';
const CANCELLABLE = ['requested', 'unknown', 'awaiting_sms'];
const OPEN = ['holding', ...CANCELLABLE, 'expiring', 'cancelling'];

/** @type {import('./records.js').Kind} */
export const VERIFICATIONS = {
  path: PATH,
  empty: 'noVerifications',
  idOf: (item) => item.verification_id,
  timeOf: (item) => item.created_at,
  title: (item) => item.service_name ?? item.service,
  state: verificationState,
  facts: (item) => [
    [say('reference'), item.reference],
    [say('reason'), item.reason],
  ],
  asks: (item) => OPEN.includes(item.state),
  controls: (desk) => new VerificationControls(desk),
};

export class Verify {
  #desk;
  #intent;
  /** @type {Map<string, {name: string, price: string, currency: string}>} */
  #services = new Map();
  /** @type {Promise<any> | null} */
  #loading = null;
  #choice = element('select', { id: 'verify-service', name: 'service', 'aria-describedby': 'verify-words' });
  #button = element('button', { class: 'primary', type: 'submit' }, say('getNumber'));
  #words = complaint({ id: 'verify-words' });
  #topUp = plainButton(say('topUp'), { hidden: '' });
  #short = '';

  /** @param {HTMLElement} root takes the form @param {import('./desk.js').Desk} desk */
  constructor(root, desk) {
    this.#desk = desk;
    this.#intent = new Intent(desk.api);
    const form = element(
      'form',
      { class: 'form', novalidate: '', 'aria-labelledby': 'verify-heading' },
      element('h2', { id: 'verify-heading' }, say('getCode')),
      element('p', { class: 'quiet' }, say('getCodeAbout')),
      field(say('service'), this.#choice),
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
    this.#choice.replaceChildren(...[...this.#services].map(([key, item]) => element('option', { value: key }, `${item.name} · ${money(item.price, item.currency)}`)));
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

  /** @param {ApiError} error */
  #offerTopUp(error) {
    const service = this.#services.get(this.#choice.value);
    if (!(error instanceof Refused) || error.status !== 402 || !service) return;
    const known = shortage(error);
    const { price, currency } = service;
    const available = this.#desk.available(currency);
    this.#short = known?.missing ?? minus(price, available);
    // The balance may have moved meanwhile: then the service's own words have to do.
    if (!known && !this.#short.startsWith('-')) this.#words.textContent = wordsForShortage(this.#short, price, available, currency);
    this.#topUp.hidden = false;
  }
}

class VerificationControls {
  #desk;
  #intent;
  #number = new Copy(say('number'), 'number', say('copyNumber'));
  #code = new Copy(say('code'), 'code', say('copyCode'));
  #note = element('p', { class: 'quiet' });
  #cancel = plainButton(say('cancel'));
  #words = complaint();
  #refund;
  #id = '';

  /** @param {import('./desk.js').Desk} desk */
  constructor(desk) {
    this.#desk = desk;
    this.#intent = new Intent(desk.api);
    this.#refund = new CreditRefund(desk);
    this.#cancel.addEventListener('click', () => attempt(this.#cancel, this.#words, () => this.#giveUp()));
    const copies = element('div', { class: 'copies' }, this.#number.node, this.#code.node);
    this.node = element('div', {}, copies, this.#note, element('div', { class: 'buttons' }, this.#cancel), this.#words, this.#refund.node);
  }

  /** @param {import('./records.js').Item} item */
  render(item) {
    this.#id = item.verification_id;
    this.#number.render(item.phone_number);
    this.#code.render(item.code);
    this.#note.textContent = noteOn(item);
    this.#cancel.hidden = !CANCELLABLE.includes(item.state) || item.cancel_requested;
    this.#cancel.textContent = say(item.state === 'awaiting_sms' ? 'cancelForMoney' : 'cancel');
    this.#refund.render(item);
  }

  async #giveUp() {
    await this.#intent.send(`${PATH}/${this.#id}/cancel`);
    await this.#desk.changed('verifications', this.#id);
  }
}

/** @param {import('./records.js').Item} item */
function noteOn({ state, deadline, cancel_requested: cancelled }) {
  if (state === 'awaiting_sms') {
    const until = deadline ? ` ${say('smsUntil', { time: clock(new Date(deadline)) })}` : '';
    return say('smsNote') + until;
  }
  if (state === 'unknown') return say('verificationUnknownNote');
  if (state === 'timed_out' || state === 'cancelled') return say('moneyBackNote');
  if (cancelled && CANCELLABLE.includes(state)) return say('cancelNote');
  return '';
}
