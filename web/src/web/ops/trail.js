/** A search for a user, a transfer or a reference, and the timeline of what happened to it. */

import { html, nothing } from '/sdk/v1/vendor/lit.js';
import { clock, counted, day, time } from './format.js';
import { meanings } from './meanings.js';
import { Failed, ask } from './session.js';
import { beginnings, standing } from './standing.js';

/** @typedef {import('./standing.js').Entry} Entry */
/** What the trail says of one meaning of what was typed. @typedef {{name: string, value: string, entries: Entry[], next: string | null}} Answer */

export class Trail {
  /** Of what was typed, all that is known, the likeliest first. @type {Answer[]} */
  #answers = [];
  /** @type {Answer | null} */
  #shown = null;
  #what = '';
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
    this.#answers = [];
    this.#shown = null;
    this.#said = what ? 'Looking …' : 'Give a user, a transfer or a reference.';
    this.#draw();
    if (!what) return;
    const answers = await Promise.all(meanings(what).map(([name, value]) => answered(name, value)));
    if (this.#what !== what) return;
    this.#answers = answers.flatMap((answer) => (answer instanceof Failed || answer.entries.length === 0 ? [] : [answer]));
    const problem = answers.find((answer) => answer instanceof Failed);
    if (this.#answers.length) this.#show(this.#answers[0]);
    else this.#said = problem?.message ?? `The trail knows nothing of ${what}.`;
    if (this.#answers.length && problem) this.#said += ` Not all could be looked up: ${problem.message}`;
    this.#draw();
  }

  /** @param {Answer} answer */
  #show(answer) {
    const { name, value, entries } = answer;
    const others = this.#answers.filter((other) => other !== answer).map((other) => `${other.name} ${other.value}`);
    this.#shown = answer;
    this.#said = `${entries.length} ${entries.length === 1 ? 'entry' : 'entries'} about ${name} ${value}, newest first`;
    if (others.length) this.#said += `. There is also ${others.join(' and ')}.`;
    this.#draw();
  }

  /** @param {Answer} answer */
  async #more(answer) {
    const before = answer.next;
    const more = await answered(answer.name, answer.value, before);
    // Something else may be shown by now, or these have come twice.
    if (this.#shown !== answer || answer.next !== before) return;
    if (more instanceof Failed) {
      this.#said = more.message;
      this.#draw();
      return;
    }
    answer.entries = [...answer.entries, ...more.entries];
    answer.next = more.next;
    this.#show(answer);
  }

  view() {
    const shown = this.#shown;
    const entries = shown?.entries ?? [];
    const begun = new Set(beginnings(entries));
    return html`
      <section class="panel wide" aria-labelledby="trail-heading">
        <h2 id="trail-heading">What happened to …</h2>
        <form class="inline" role="search" novalidate @submit=${(/** @type {SubmitEvent} */ event) => this.#submit(event)}>
          <div class="field"><label for="what">User, transfer or reference</label>
            <input id="what" name="what" type="search" maxlength="200" autocomplete="off" autocapitalize="off" spellcheck="false"></div>
          <button class="primary" type="submit">Show</button>
        </form>
        <p role="status" class="said">${this.#said}</p>
        ${this.#answers.length > 1 ? this.#choices() : nothing}
        ${entries.length === 0 ? nothing : html`<ol class="timeline" tabindex="0" aria-label="Timeline">${entries.map((entry) => this.#entry(entry, begun.has(entry) ? standing(entry, entries) : null))}</ol>`}
        ${shown?.next ? html`<p><button class="plain" type="button" @click=${() => this.#more(shown)}>Show older ones</button></p>` : nothing}
      </section>`;
  }

  #choices() {
    return html`
      <div class="choices" role="group" aria-label="Which one">${this.#answers.map((answer) => html`
        <button class="chip" type="button" aria-pressed=${answer === this.#shown} @click=${() => this.#show(answer)}>${answer.name} ${answer.value}</button>`)}
      </div>`;
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

/**
 * Newest first; nothing is known of what cannot be one. Throws SignedOut.
 * @param {string} name @param {string} value @param {string | null} [before] @returns {Promise<Answer | Failed>}
 */
async function answered(name, value, before = null) {
  const asked = new URLSearchParams({ [name]: value, limit: '100', ...(before && { before }) });
  try {
    const { items, next } = await ask(`/v1/trail?${asked}`);
    return { name, value, entries: items, next };
  } catch (error) {
    if (!(error instanceof Failed)) throw error;
    return error.status === 422 ? { name, value, entries: [], next: null } : error;
  }
}

/** @param {Entry} entry */
function sentence({ what, event_id: eventId, epoch, seq, up_to: upTo, detail }) {
  const range = upTo != null && upTo !== seq ? `numbers ${seq ?? 1} to ${upTo}` : `number ${seq ?? upTo}`;
  const sent = Number(detail.sent_from) <= Number(upTo) ? `, and sent to it from number ${detail.sent_from} on` : ', not sent to it';
  switch (what) {
    case 'stored':
      return html`<b>Stored</b> “${detail.title}”, <code>${detail.type}</code>`;
    case 'suppressed':
      // What another service has given up; the notifier's own has an entry of that name.
      if (detail.type === 'letter.discarded.v1') return discarded({ ...detail, type: detail.discarded });
      return html`<b>Not shown</b> <code>${detail.type}</code>: ${detail.reason}`;
    case 'pushed':
      return html`<b>Pushed</b> ${range}, to ${counted(Number(detail.tabs), 'tab')}, by gateway <code>${String(detail.gateway).slice(0, 8)}</code>`;
    case 'acknowledged':
      return html`<b>Acknowledged</b> ${range}, by session <code>${String(detail.session).slice(0, 8)}</code>${detail.sent_from == null ? '' : `: in its list${sent}`}`;
    case 'read':
      return html`<b>Read</b> ${upTo == null ? range : `all up to ${upTo}`}`;
    case 'parked':
      return html`<b>Parked</b> <code>${detail.type}</code>: ${detail.reason}`;
    case 'discarded':
      return discarded({ ...detail, service: 'notifier', why: detail.reason });
    case 'rebuilt':
      if (eventId == null) return html`<b>Rebuilt</b> by ${detail.by}`;
      return html`<b>Rebuilt</b> “${detail.title ?? detail.type}”, ${seq == null ? 'which is not shown any more' : `now number ${epoch}:${seq}`}${detail.changed ? `, with another ${detail.changed}` : nothing}`;
    default:
      return html`<b>${what}</b>`;
  }
}

/** The same of whichever service has given it up. @param {Entry['detail']} detail */
function discarded({ type, service, by, why }) {
  return html`<b>Discarded</b> <code>${type}</code> at ${service} by ${by}: ${why}`;
}
