/** Joins the actions to each other, to the page's parts, and to what the client hears. */

import { ApiError, Refused } from '../api.js';
import { byId } from '../elements.js';
import { isZero } from '../format.js';
import { Intent } from './intent.js';
import { attempt, tellOfToken } from './outcome.js';
import { PAYMENTS, TopUp } from './payments.js';
import { Records } from './records.js';
import { REFUNDS } from './refunds.js';
import { STATEMENT } from './statement.js';
import { Tabs } from './tabs.js';
import { VERIFICATIONS, Verify } from './verifications.js';

const KINDS = { verifications: VERIFICATIONS, payments: PAYMENTS, refunds: REFUNDS, statement: STATEMENT };
const LINK = /^\/(payments|verifications|refunds)\/([^/?#]+)$/;

export class Desk {
  #client;
  #records;
  #tabs;
  #forms;
  #connected = false;
  #asked = false;

  /** @param {import('../api.js').Api} api @param {import('../client.js').LedgerbellClient} client */
  constructor(api, client) {
    this.api = api;
    this.#client = client;
    this.#records = Object.fromEntries(Object.entries(KINDS).map(([name, kind]) => [name, new Records(byId(`panel-${name}`), kind, this)]));
    this.#tabs = new Tabs(byId('records-tabs'), (name) => this.#records[name].load());
    this.#forms = {
      'top-up': new TopUp(byId('form-top-up'), this),
      verify: new Verify(byId('form-verify'), this),
    };
    for (const name of Object.keys(this.#forms)) byId(`open-${name}`).addEventListener('click', () => this.#toggle(name));
    byId('open-account').addEventListener('click', () => this.#openAccount());
    client.addEventListener('arrived', ({ detail }) => this.#arrived(detail));
    client.addEventListener('change', () => this.#follow());
  }

  /** Show what an address of this page names. @param {string} path */
  async go(path) {
    const [, name, id] = LINK.exec(path) ?? [];
    if (name) {
      this.#tabs.show(name);
      await this.#records[name].open(decodeURIComponent(id));
    } else if (path === '/topup') {
      this.#tabs.show('verifications');
      this.topUp();
    } else if (path === '/history') {
      this.#tabs.show('statement');
      byId('records').scrollIntoView({ block: 'start' });
    } else this.#tabs.show('verifications');
  }

  // ------------------------------------------------------------------ what the forms and rows ask for

  /** Something was begun: show it where it is followed. */
  async made(name, item) {
    this.#close();
    this.#tabs.show(name);
    this.#records[name].adopt(item);
    const id = KINDS[name].idOf(item);
    // It may have moved on since it was answered.
    this.#records[name].refresh(id);
    await this.#records[name].open(id);
  }

  changed(name, id) {
    return this.#records[name].refresh(id);
  }

  heardOf(name, id) {
    this.#records[name].heardOf(id);
  }

  /** Offer to top up by at least so much. @param {string} [least] */
  topUp(least) {
    this.#show('top-up');
    this.#forms['top-up'].focus(least);
  }

  available(currency) {
    return this.#client.state.balances.find((balance) => balance.currency === currency)?.available ?? '0';
  }

  // ------------------------------------------------------------------ forms

  #toggle(name) {
    if (!byId(`form-${name}`).hidden) return this.#close();
    this.#show(name);
    this.#forms[name].focus();
  }

  #show(name) {
    for (const other of Object.keys(this.#forms)) {
      byId(`form-${other}`).hidden = other !== name;
      byId(`open-${other}`).setAttribute('aria-expanded', String(other === name));
    }
  }

  #close() {
    this.#show('');
  }

  // ------------------------------------------------------------------ what is heard

  #arrived({ link, kind, amount }) {
    const [, name, id] = LINK.exec(link ?? '') ?? [];
    if (name) this.#records[name].heardOf(id);
    if (amount) this.#records.statement.reload();
    // An automatic refund is told of at its verification.
    if (kind === 'refund.completed' && name !== 'refunds') this.#records.refunds.reload();
  }

  #follow() {
    const { status, balances, loaded } = this.#client.state;
    for (const records of Object.values(this.#records)) records.connected(status === 'online');
    const connected = status === 'online' || status === 'polling';
    // What was missed is replayed as notifications, but not everything that changes has one.
    if (connected && !this.#connected) for (const records of Object.values(this.#records)) records.lookAtAll();
    this.#connected = connected;
    byId('actions').hidden = balances.length === 0;
    if (balances.length > 0) byId('no-account').hidden = true;
    else if (connected && loaded) this.#askForAccount();
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
      const account = await intent.send('/v1/accounts', { currency: 'USD' });
      this.#client.learn([account]);
      byId('no-account').hidden = true;
      byId('actions').hidden = false;
      if (isZero(account.available)) this.topUp();
    });
  }
}
