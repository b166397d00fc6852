/** `<ledgerbell-history>`: everything that ever rang, by kind, money, day and whether it was read. */

import { css, html } from '../vendor/lit.js';
import { LedgerbellElement } from './base.js';
import { NotificationList } from './list.js';
import { base, list } from './styles.js';

/** @type {NonNullable<import('../types.js').Filter['kind']>[]} */
const KINDS = ['payment', 'refund', 'verification', 'credit', 'activity'];

/** @typedef {{kind: string, money: string, unread: boolean, since: string, until: string}} Chosen as the controls have it; empty: all */

export class LedgerbellHistory extends LedgerbellElement {
  static styles = [
    base,
    list,
    css`
      :host { display: block; }
      .filters { display: flex; flex-wrap: wrap; align-items: end; gap: 0.75rem; margin-bottom: 0.75rem; }
      .chips { flex-basis: 100%; }
      label { display: grid; gap: 0.15rem; font-size: 0.85em; color: var(--soft); }
      label.check { display: flex; align-items: center; gap: 0.4rem; min-height: 2.2rem; color: var(--ink); }
      select, input { min-width: 0; min-height: 2.2rem; padding: 0.25rem 0.5rem; border: 1px solid var(--soft); border-radius: 8px; background: var(--surface); color: var(--ink); }
      input[type="checkbox"] { min-height: 0; width: 1.1rem; height: 1.1rem; accent-color: var(--accent); }
      .list { border: 1px solid var(--line); border-radius: var(--radius); background: var(--surface); overflow: clip; }
      .count { padding-bottom: 0.4rem; }
    `,
  ];

  #list = new NotificationList(this, { exact: true });
  /** @type {Chosen} */
  #chosen = { kind: '', money: '', unread: false, since: '', until: '' };

  connectedCallback() {
    super.connectedCallback();
    if (!this.#list.listing) this.#show();
  }

  clientChanged() {
    this.#show();
  }

  render() {
    const { words } = this;
    const { listing } = this.#list;
    return html`
      <section aria-label=${words.say('history')}>
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
        <p class="soft small count" part="count" role="status">${listing && !listing.loading ? words.say('shown', { n: listing.items.length }) : ''}</p>
        <div class="list">${this.#list.template}</div>
      </section>
    `;
  }

  /** @param {string} kind */
  #chip(kind) {
    const name = /** @type {'all' | (typeof KINDS)[number]} */ (kind || 'all');
    const pressed = String(kind === this.#chosen.kind);
    return html`<button class="chip" type="button" aria-pressed=${pressed} @click=${() => this.#choose({ kind })}>${this.words.say(name)}</button>`;
  }

  #changed = (/** @type {Event} */ event) => {
    const { name, type, value, checked } = /** @type {HTMLInputElement} */ (event.target);
    this.#choose({ [name]: type === 'checkbox' ? checked : value });
  };

  /** @param {Partial<Chosen>} chosen */
  #choose(chosen) {
    Object.assign(this.#chosen, chosen);
    this.#show();
  }

  #show() {
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
