/** Joins the actions to each other, to the page's parts, and to what the client hears. */

import { ApiError, Refused } from '/sdk/v1/errors.js';
import { isZero } from '/sdk/v1/format.js';
import { byId } from '../elements.js';
import { ACTIVITY } from './activity.js';
import { CURRENCY } from './amounts.js';
import { Intent } from './intent.js';
import { attempt, tellOfToken } from './outcome.js';
import { PAYMENTS, TopUp } from './payments.js';
import { Records } from './records.js';
import { REFUNDS } from './refunds.js';
import { STATEMENT } from './statement.js';
import { Tabs } from './tabs.js';
import { VERIFICATIONS, Verify } from './verifications.js';
import { Watch } from './watch.js';

const LINK = /^\/(payments|verifications|refunds|activity)\/([^/?#]+)$/;
const AGE_EVERY_MS = 30_000;

/** @typedef {'payments' | 'verifications' | 'refunds'} Begun what has a tab */
/** @typedef {Begun | 'activity'} Thing what is followed and has a place of its own */
/** @typedef {'top-up' | 'verify'} Form */

export class Desk {
  #client;
  #records;
  #tabs;
  #topUp;
  #verify;
  #connected = false;
  #asked = false;
  #unanswered = new Watch(() => this.#askWhoItWas());

  /** @param {import('/sdk/v1/client.js').LedgerbellClient} client */
  constructor(client) {
    this.#client = client;
    this.api = client.api;
    this.#records = {
      verifications: new Records(byId('panel-verifications'), VERIFICATIONS, this),
      payments: new Records(byId('panel-payments'), PAYMENTS, this),
      refunds: new Records(byId('panel-refunds'), REFUNDS, this),
      activity: new Records(byId('panel-activity'), ACTIVITY, this),
      statement: new Records(byId('panel-statement'), STATEMENT, this),
    };
    this.#tabs = new Tabs(byId('records-tabs'), (name) => this.#records[/** @type {Thing | 'statement'} */ (name)].load());
    this.#topUp = new TopUp(byId('form-top-up'), this);
    this.#verify = new Verify(byId('form-verify'), this);
    byId('open-top-up').addEventListener('click', () => this.#toggle('top-up'));
    byId('open-verify').addEventListener('click', () => this.#toggle('verify'));
    byId('open-account').addEventListener('click', () => this.#openAccount());
    client.addEventListener('notification', (event) => this.#arrived(/** @type {CustomEvent} */ (event).detail));
    client.addEventListener('change', () => this.#follow());
    setInterval(() => this.#each((records) => records.age()), AGE_EVERY_MS);
    this.#askWhoItWas();
  }

  /** Show what an address of this page names. @param {string} path */
  async go(path) {
    const place = placeOf(path);
    if (place) {
      if (place.name === 'activity') this.#warn();
      else this.#tabs.show(place.name);
      await this.#records[place.name].open(place.id);
    } else if (path === '/topup') {
      this.#tabs.show('verifications');
      this.topUp();
    } else if (path === '/history') {
      this.#tabs.show('statement');
      byId('records').scrollIntoView({ block: 'start' });
    } else this.#tabs.show('verifications');
  }

  // ------------------------------------------------------------------ what the forms and rows ask for

  /** Something was begun: show it where it is followed. @param {Begun} name @param {import('./records.js').Item} item */
  async made(name, item) {
    const records = this.#records[name];
    this.#show(null);
    this.#tabs.show(name);
    const id = records.adopt(item);
    // It may have moved on since it was answered.
    records.refresh(id);
    await records.open(id);
  }

  /** @param {Thing} name @param {string} id */
  changed(name, id) {
    return this.#records[name].refresh(id);
  }

  /** @param {import('./records.js').Item} flag as it stands now */
  answered(flag) {
    this.#records.activity.answered(flag);
  }

  /** @param {Thing} name @param {string} id */
  heardOf(name, id) {
    this.#records[name].heardOf(id);
  }

  /** Offer to top up by at least so much. @param {string} [least] */
  topUp(least) {
    this.#show('top-up');
    this.#topUp.focus(least);
  }

  /** @param {string} currency */
  available(currency) {
    return this.#client.state.balances.find((balance) => balance.currency === currency)?.available ?? '0';
  }

  // ------------------------------------------------------------------ forms

  /** @param {Form} name */
  #toggle(name) {
    const opens = byId(`form-${name}`).hidden;
    this.#show(opens ? name : null);
    if (opens) (name === 'verify' ? this.#verify : this.#topUp).focus();
  }

  /** @param {Form | null} name */
  #show(name) {
    for (const other of ['top-up', 'verify']) {
      byId(`form-${other}`).hidden = other !== name;
      byId(`open-${other}`).setAttribute('aria-expanded', String(other === name));
    }
  }

  // ------------------------------------------------------------------ what is heard

  /** @param {import('/sdk/v1/types.js').Notification} notification */
  #arrived({ link, kind, amount }) {
    const place = placeOf(link ?? '');
    if (place?.name === 'activity') {
      this.#warn();
      this.#records.activity.refresh(place.id);
    } else if (place) this.#records[place.name].heardOf(place.id);
    if (amount) this.#records.statement.reload();
    // An automatic refund is told of at its verification.
    if (kind === 'refund.completed' && place?.name !== 'refunds') this.#records.refunds.reload();
  }

  /** Something unusual was seen: most never see this part of the page. */
  #warn() {
    byId('activity').hidden = false;
  }

  /** Whoever left it unanswered is asked again on each load, and told nothing where it cannot be had yet. */
  async #askWhoItWas() {
    try {
      if (await this.#records.activity.bring('open')) this.#warn();
      this.#unanswered.see('open', 'over');
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      tellOfToken(byId('activity'), error);
      this.#unanswered.see('open', 'moving');
    }
  }

  #follow() {
    const { status, polling, balances, loaded } = this.#client.state;
    const connected = status === 'online';
    this.#each((records) => records.connected(connected && !polling));
    // What was missed is replayed as notifications, but not everything that changes has one.
    if (connected && !this.#connected) this.#each((records) => records.lookAtAll());
    this.#connected = connected;
    byId('actions').hidden = balances.length === 0;
    if (balances.length > 0) byId('no-account').hidden = true;
    else if (connected && loaded) this.#askForAccount();
  }

  /** @param {(records: Records) => void} work */
  #each(work) {
    for (const records of Object.values(this.#records)) work(records);
  }

  async #askForAccount() {
    if (this.#asked) return;
    this.#asked = true;
    try {
      this.#client.learn((await this.api.get('/v1/accounts/me')).accounts);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      tellOfToken(byId('no-account'), error);
      if (error instanceof Refused && error.status === 404) byId('no-account').hidden = false;
      else this.#asked = false;
    }
  }

  #openAccount() {
    const intent = new Intent(this.api);
    attempt(byId('open-account'), byId('no-account-words'), async () => {
      const account = await intent.send('/v1/accounts', { currency: CURRENCY });
      this.#client.learn([account]);
      byId('no-account').hidden = true;
      byId('actions').hidden = false;
      if (isZero(account.available)) this.topUp();
    });
  }
}

/** @param {string} path @returns {{name: Thing, id: string} | null} */
function placeOf(path) {
  const found = LINK.exec(path);
  return found && { name: /** @type {Thing} */ (found[1]), id: decodeURIComponent(found[2]) };
}
