/** A search for a user, a transfer or a reference, and the timeline of what happened to it. */

import { html, nothing } from '/sdk/v1/vendor/lit.js';
import { clock, counted, day, time } from './format.js';
import { Failed, ask } from './session.js';
import { beginnings, standing } from './standing.js';

const TRANSFER = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
const REFERENCE = /^[A-Z]{2,4}-[0-9A-Z]{12}$/i;

/** @typedef {import('./standing.js').Entry} Entry */

/** What it may be, the likeliest first: a user's id may look like anything. @param {string} what @returns {[string, string][]} */
function meanings(what) {
  if (TRANSFER.test(what)) return [['transfer', what.toLowerCase()], ['user', what]];
  return REFERENCE.test(what) ? [['reference', what.toUpperCase()], ['user', what]] : [['user', what]];
}

export class Trail {
  /** @type {Entry[] | null} */
  #entries = null;
  /** Where older ones begin. @type {string | null} */
  #next = null;
  #what = '';
  /** @type {[string, string]} */
  #meaning = ['user', ''];
  #said = '';
  #draw;

  /** @param {() => void} draw */
  constructor(draw) {
    this.#draw = draw;
  }

  /** Throws SignedOut. @param {string} what */
  async find(what) {
    this.#what = what;
    // Not bound: what is typed for the next search stays while the page is drawn anew.
    const input = /** @type {HTMLInputElement | null} */ (document.getElementById('what'));
    if (input) input.value = what;
    this.#entries = null;
    this.#said = what ? 'Looking …' : 'Give a user, a transfer or a reference.';
    this.#draw();
    if (!what) return;
    for (const meaning of meanings(what)) {
      this.#meaning = meaning;
      if (await this.#load([])) return;
    }
  }

  /** Returns false where nothing is known of it, and nothing else is to be said. @param {Entry[]} known newest first */
  async #load(known) {
    const what = this.#what;
    const [name, value] = this.#meaning;
    const asked = new URLSearchParams({ [name]: value, limit: '100' });
    if (known.length && this.#next) asked.set('before', this.#next);
    try {
      const answer = await ask(`/v1/trail?${asked}`);
      if (this.#what !== what) return true;
      this.#entries = [...known, ...answer.items];
      this.#next = answer.next;
      const entries = this.#entries.length === 1 ? 'entry' : 'entries';
      this.#said = this.#entries.length
        ? `${this.#entries.length} ${entries} about ${name} ${value}, newest first`
        : `The trail knows nothing of ${name} ${value}.`;
    } catch (error) {
      if (!(error instanceof Failed)) throw error;
      if (this.#what !== what) return true;
      this.#said = error.message;
    }
    this.#draw();
    return this.#entries === null || this.#entries.length > 0;
  }

  view() {
    const entries = this.#entries;
    const begun = new Set(beginnings(entries ?? []));
    return html`
      <section class="panel wide" aria-labelledby="trail-heading">
        <h2 id="trail-heading">What happened to …</h2>
        <form class="inline" role="search" novalidate @submit=${(/** @type {SubmitEvent} */ event) => this.#submit(event)}>
          <div class="field"><label for="what">User, transfer or reference</label>
            <input id="what" name="what" type="search" maxlength="200" autocomplete="off" autocapitalize="off" spellcheck="false"></div>
          <button class="primary" type="submit">Show</button>
        </form>
        <p role="status" class="said">${this.#said}</p>
        ${entries === null || entries.length === 0 ? nothing : html`<ol class="timeline" tabindex="0" aria-label="Timeline">${entries.map((entry) => this.#entry(entry, begun.has(entry) ? standing(entry, entries) : null))}</ol>`}
        ${entries !== null && this.#next ? html`<p><button class="plain" type="button" @click=${() => this.#load(entries)}>Show older ones</button></p>` : nothing}
      </section>`;
  }

  /** @param {SubmitEvent} event */
  #submit(event) {
    event.preventDefault();
    return this.find(String(new FormData(/** @type {HTMLFormElement} */ (event.target)).get('what')).trim());
  }

  /** @param {Entry} entry @param {ReturnType<typeof standing> | null} reached */
  #entry(entry, reached) {
    const place = entry.what === 'stored' ? `number ${entry.epoch}:${entry.seq}` : '';
    // A receipt is written down later than what it tells of.
    const at = String(entry.detail.acknowledged_at ?? entry.detail.pushed_at ?? entry.at);
    const about = [day(at), entry.user_id, place, entry.transfer_id ?? ''];
    return html`
      <li class="entry ${entry.what}">
        <time datetime=${at} title=${time(at)}>${clock(at)}</time>
        <div><p>${sentence(entry)} ${reached === null ? nothing : html`<span class="badge ${reached.isOpen ? 'open' : 'well'}">${reached.words}</span>`}</p>
          <p class="quiet">${about.filter(Boolean).join(' · ')}</p></div>
      </li>`;
  }
}

/** @param {Entry} entry */
function sentence({ what, event_id: eventId, epoch, seq, up_to: upTo, detail }) {
  const range = upTo != null && upTo !== seq ? `numbers ${seq ?? 1} to ${upTo}` : `number ${seq ?? upTo}`;
  switch (what) {
    case 'stored':
      return html`<b>Stored</b> “${detail.title}”, <code>${detail.type}</code>`;
    case 'suppressed':
      return html`<b>Not shown</b> <code>${detail.type}</code>: ${detail.reason}`;
    case 'pushed':
      return html`<b>Pushed</b> ${range}, to ${counted(Number(detail.tabs), 'tab')}, by gateway <code>${String(detail.gateway).slice(0, 8)}</code>`;
    case 'acknowledged':
      return html`<b>Acknowledged</b> ${range}, by session <code>${String(detail.session).slice(0, 8)}</code>`;
    case 'read':
      return html`<b>Read</b> ${upTo == null ? range : `all up to ${upTo}`}`;
    case 'parked':
      return html`<b>Parked</b> <code>${detail.type}</code>: ${detail.reason}`;
    case 'discarded':
      return html`<b>Discarded</b> by ${detail.by}: ${detail.reason}`;
    case 'rebuilt':
      if (eventId == null) return html`<b>Rebuilt</b> by ${detail.by}`;
      return html`<b>Rebuilt</b> “${detail.title ?? detail.type}”, ${seq == null ? 'which is not shown any more' : `now number ${epoch}:${seq}`}${detail.changed ? `, with another ${detail.changed}` : nothing}`;
    default:
      return html`<b>${what}</b>`;
  }
}
