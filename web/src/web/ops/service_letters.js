/** One service's dead letters: as many as were asked for, each in a row that stays its own, and a way to replay all. */

import { Keyed } from '/sdk/v1/elements/keyed.js';
import { html, nothing } from '/sdk/v1/vendor/lit.js';
import { listed, replayAll } from './dead_letters.js';
import { count, counted } from './format.js';
import { CLOSED, row } from './letter.js';
import { Failed, ask } from './session.js';

const AT_FIRST = 20;
const MORE = 100;
// A screen reader says each; it must come to the end of one before the next.
const SAY_EVERY_MS = 2_000;

/** @typedef {import('./letter.js').Letter} Letter */
/** @typedef {import('./letter.js').Look} Look */
/**
 * What all services' letters share. `attempt` does one deed at a time: says what comes of it, or that `undone` and why.
 * @typedef {{isBusy: boolean, say: (words: string) => void, draw: () => void, load: () => Promise<void>,
 *   attempt: (undone: string, deed: () => Promise<string>) => Promise<void>}} Panel
 */

export class ServiceLetters {
  /** Whether it did not answer when it was last asked: what is known of it is old. */
  isAway = false;
  /** @type {import('./dead_letters.js').Listed} */
  #known = { letters: [], hasMore: false, dead: 0 };
  #wanted = AT_FIRST;
  /** By a letter's id. @type {Map<string, Look>} */
  #looks = new Map();
  #rows = new Keyed();
  #list = document.createElement('div');
  /** Whether to replay all is a question, under way, or to end. @type {'' | 'asked' | 'running' | 'stopping'} */
  #all = '';
  #panel;

  /** @param {string} service @param {Panel} panel */
  constructor(service, panel) {
    this.service = service;
    this.#panel = panel;
    this.#list.setAttribute('role', 'list');
  }

  get isEmpty() {
    return this.#known.letters.length === 0 && this.#known.dead === 0 && !this.#isRunning;
  }

  get #isRunning() {
    return this.#all === 'running' || this.#all === 'stopping';
  }

  /** Asks for them; what is returned makes them known. Throws SignedOut. @returns {Promise<() => void>} */
  async ask() {
    try {
      const known = await listed(this.service, this.#wanted);
      return () => this.#take(known);
    } catch (error) {
      if (!(error instanceof Failed)) throw error;
      return () => (this.isAway = true);
    }
  }

  /** @param {import('./dead_letters.js').Listed} known */
  #take(known) {
    this.isAway = false;
    this.#known = known;
    const ids = new Set(known.letters.map(({ id }) => id));
    for (const id of this.#looks.keys()) if (!ids.has(id)) this.#looks.delete(id);
  }

  /** @param {Letter} letter @param {Partial<Look>} change */
  #look({ id }, change) {
    this.#looks.set(id, { ...(this.#looks.get(id) ?? CLOSED), ...change });
    this.#panel.draw();
  }

  // -------------------------------------------------------------- what is done

  /** @type {import('./letter.js').Deeds} */
  #deeds = {
    replay: (letter) =>
      this.#panel.attempt(`${letter.type} was not replayed`, async () => {
        const { state, reason } = await ask(`${this.#path(letter)}/replay`, { post: {} });
        return state === 'handled' ? `${letter.type} is handled.` : `${letter.type} was tried, and is ${state}: ${reason}`;
      }),
    discard: (letter, reason) => {
      if (!reason) return this.#panel.say('Say why it need never be handled.');
      return this.#panel.attempt(`${letter.type} was not discarded`, async () => {
        await ask(`${this.#path(letter)}/discard`, { post: { reason } });
        return `${letter.type} is discarded.`;
      });
    },
    show: (letter) => this.#show(letter),
    askWhy: (letter) => {
      this.#panel.say('');
      this.#look(letter, { isDiscarding: !this.#looks.get(letter.id)?.isDiscarding });
    },
  };

  /** @param {Letter} letter */
  async #show(letter) {
    const isShown = !this.#looks.get(letter.id)?.isShown;
    this.#look(letter, { isShown });
    if (!isShown) return;
    try {
      this.#look(letter, { contents: await ask(this.#path(letter)) });
    } catch (error) {
      if (!(error instanceof Failed)) throw error;
      this.#panel.say(`${letter.type} could not be opened: ${error.message}`);
      this.#look(letter, { isShown: false });
    }
  }

  /** @param {Letter} letter */
  #path({ id }) {
    return `/v1/dead-letters/${this.service}/${id}`;
  }

  #collect() {
    return this.#panel.attempt('Nothing was collected', async () => {
      const { collected } = await ask(`/v1/dead-letters/${this.service}/collect`, { post: {} });
      return `${count(collected)} collected from ${this.service}.`;
    });
  }

  async #more() {
    this.#wanted = this.#known.letters.length + MORE;
    await this.#panel.load();
    this.#panel.say(`${count(this.#known.letters.length)} of ${this.service} are listed.`);
  }

  /** Asks whether to, and takes that back; ends what is under way. */
  #toggleAll() {
    this.#all = this.#isRunning ? 'stopping' : this.#all ? '' : 'asked';
    this.#panel.draw();
  }

  #replayAll() {
    return this.#panel.attempt('None was replayed', async () => {
      let saidAt = -Infinity;
      this.#all = 'running';
      // The button that was pressed goes, and the one that stops it is where to be.
      document.getElementById(this.#id('all'))?.focus();
      try {
        const run = await replayAll(
          this.service,
          ({ tried, of, handled }) => {
            if (Date.now() - saidAt < SAY_EVERY_MS) return;
            saidAt = Date.now();
            this.#panel.say(`Replaying ${this.service}: ${count(tried)} of ${count(of)}, ${count(handled)} handled.`);
          },
          () => this.#all === 'stopping',
        );
        return ended(this.service, run);
      } finally {
        this.#all = '';
      }
    });
  }

  // -------------------------------------------------------------- what is seen

  /** @param {string} part */
  #id(part) {
    return `letters-${this.service}-${part}`;
  }

  /** @param {number | null | undefined} total how many are parked, as far as is known */
  view(total) {
    const { letters, hasMore, dead } = this.#known;
    const { isBusy } = this.#panel;
    this.#rows.draw(this.#list, letters.map((letter) => {
      const look = this.#looks.get(letter.id) ?? CLOSED;
      return { key: letter.id, shows: [letter, look, isBusy], template: () => row(letter, look, isBusy, this.#deeds) };
    }));
    return html`
      <div class="group" role="group" tabindex="-1" aria-labelledby=${this.#id('heading')}>
        <div class="head">
          <h3 id=${this.#id('heading')}>${this.service}</h3>
          <span class="quiet">${letters.length ? this.#extent(total) : ''}</span>
          ${letters.length > 1 || this.#isRunning ? this.#buttonOfAll() : nothing}
        </div>
        ${this.#all === 'asked' ? this.#question() : nothing}
        ${dead ? html`
          <p>${counted(dead, 'event')} of ${this.service} lie dead on the broker.
            <button class="plain" type="button" aria-disabled=${isBusy} @click=${() => this.#collect()}>Collect from ${this.service}</button></p>` : nothing}
        ${this.#list}
        ${hasMore ? html`<p><button class="plain" type="button" @click=${() => this.#more()}>More<span class="visually-hidden"> of ${this.service}</span></button></p>` : nothing}
      </div>`;
  }

  /** @param {number | null | undefined} total told every five seconds, so it may be behind */
  #extent(total) {
    const { letters, hasMore } = this.#known;
    if (!hasMore) return `${count(letters.length)} parked`;
    return `the newest ${count(letters.length)} of ${total != null && total > letters.length ? count(total) : 'more'}`;
  }

  /** One button throughout: it keeps the keyboard. */
  #buttonOfAll() {
    const isRunning = this.#isRunning;
    return html`
      <button class="plain" type="button" id=${this.#id('all')} aria-expanded=${isRunning ? nothing : this.#all === 'asked'} @click=${() => this.#toggleAll()}>
        ${isRunning ? 'Stop' : 'Replay all'}<span class="visually-hidden"> ${isRunning ? 'replaying' : 'of'} ${this.service}</span></button>`;
  }

  #question() {
    return html`
      <div class="inline">
        <p>Each that is parked is tried once more, the oldest first. Mend the cause before.</p>
        <button class="primary" type="button" aria-disabled=${this.#panel.isBusy} @click=${() => this.#replayAll()}>Replay all of ${this.service}</button>
      </div>`;
  }
}

/** @param {string} service @param {import('./dead_letters.js').Run} run */
export function ended(service, { of, tried, handled, problem }) {
  if (tried < of) return `Stopped after ${count(tried)} of ${count(of)} of ${service}, ${count(handled)} handled${problem ? `: ${problem}` : '.'}`;
  return `${count(of)} of ${service} tried, ${count(handled)} handled.`;
}
