/** What a history shows: everything that ever rang, by kind, money, day and whether it was read. */

import { html } from '../vendor/lit.js';
import { NotificationList } from './list.js';
import { list } from './liststyles.js';
import { sheet } from './styles.js';

/** @type {NonNullable<import('../types.js').Filter['kind']>[]} */
const KINDS = ['payment', 'refund', 'verification', 'credit', 'activity'];

/** @typedef {{kind: string, money: string, unread: boolean, since: string, until: string}} Chosen as the controls have it; empty: all */

const styles = sheet(`
  .filters { display: flex; flex-wrap: wrap; align-items: end; gap: .75rem; margin-bottom: .75rem; }
  .chips { flex-basis: 100%; }
  label { display: grid; flex: 0 1 9rem; gap: .15rem; font-size: .85em; color: var(--soft); }
  label.check { display: flex; flex: none; align-items: center; gap: .4rem; min-height: 2.2rem; color: var(--ink); }
  select, input { font: inherit; min-width: 0; min-height: 2.2rem; padding: .25rem .5rem; border: 1px solid var(--soft); border-radius: 8px; background: var(--surface); color: var(--ink); }
  input[type="checkbox"] { min-height: 0; width: 1.1rem; height: 1.1rem; accent-color: var(--accent); }
  .list { border: 1px solid var(--line); border-radius: var(--radius); background: var(--surface); overflow: clip; }
  .count { padding-bottom: .4rem; }
`);

export class HistoryView {
  #host;
  #list;
  /** @type {Chosen} */
  #chosen = { kind: '', money: '', unread: false, since: '', until: '' };
  /** How many were found, said once for each choice: what comes by itself is the toasts' to say. */
  #found = '';
  #finding = false;

  /** @param {import('./base.js').LedgerbellElement} host */
  constructor(host) {
    this.#host = host;
    this.#list = new NotificationList(host, { exact: true });
    host.root.adoptedStyleSheets.push(list, styles);
  }

  get template() {
    const { words } = this.#host;
    const { listing } = this.#list;
    const shown = listing && !listing.loading ? words.say('shown', { n: listing.items.length }) : '';
    if (this.#finding && shown) {
      this.#found = shown;
      this.#finding = false;
    }
    return html`
      <section>
        <h2 class="aside">${words.say('history')}</h2>
        <div class="filters" part="filters" role="group" aria-label=${words.say('filter')}>
          <div class="chips">${['', ...KINDS].map((kind) => this.#chip(kind))}</div>
          <label>${words.say('money')}
            <select name="money" @change=${this.#changed}>
              <option value="">${words.say('both')}</option>
              <option value="in">${words.say('in')}</option>
              <option value="out">${words.say('out')}</option>
            </select>
          </label>
          <label>${words.say('since')}<input type="date" name="since" max=${this.#chosen.until} @change=${this.#changed}></label>
          <label>${words.say('until')}<input type="date" name="until" min=${this.#chosen.since} @change=${this.#changed}></label>
          <label class="check"><input type="checkbox" name="unread" @change=${this.#changed}>${words.say('unreadOnly')}</label>
        </div>
        <p class="aside" role="status">${this.#found}</p>
        <p class="soft small count" part="count">${shown}</p>
        <div class="list">${this.#list.template}</div>
      </section>
    `;
  }

  drawn() {
    this.#list.drawn();
  }

  hide() {
    this.#list.hide();
  }

  /** @param {string} kind */
  #chip(kind) {
    const name = /** @type {'all' | (typeof KINDS)[number]} */ (kind || 'all');
    const pressed = String(kind === this.#chosen.kind);
    return html`<button class="chip" type="button" aria-pressed=${pressed} @click=${() => this.#choose({ kind })}>${this.#host.words.say(name)}</button>`;
  }

  #changed = (/** @type {Event} */ event) => {
    const { name, type, value, checked } = /** @type {HTMLInputElement} */ (event.target);
    this.#choose({ [name]: type === 'checkbox' ? checked : value });
  };

  /** @param {Partial<Chosen>} chosen */
  #choose(chosen) {
    Object.assign(this.#chosen, chosen);
    this.#found = '';
    this.#finding = true;
    this.show();
  }

  /** Begin at the newest, as it is chosen. */
  show() {
    const { kind, money, unread, since, until } = this.#chosen;
    this.#list.show(
      /** @type {import('../types.js').Filter} */ ({
        ...(kind && { kind }),
        ...(money && { money }),
        ...(unread && { unread }),
        ...(since && { since: dayFrom(since) }),
        ...(until && { until: dayFrom(until, 1) }),
      }),
    );
  }
}

/** When a day begins where the reader is. @param {string} text `YYYY-MM-DD` @param {number} [later] days */
function dayFrom(text, later = 0) {
  const day = new Date(`${text}T00:00`);
  day.setDate(day.getDate() + later);
  return day;
}
