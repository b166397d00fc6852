/** `<ledgerbell-bell>`: how much is unread, and behind it the newest notifications. */

import { css, html, nothing } from '../vendor/lit.js';
import { LedgerbellElement } from './base.js';
import { bell, cross } from './icons.js';
import { NotificationList } from './list.js';
import { base, list } from './styles.js';

/** @type {['all' | 'unread' | 'in' | 'out', import('../types.js').Filter][]} */
const FILTERS = [
  ['all', {}],
  ['unread', { unread: true }],
  ['in', { money: 'in' }],
  ['out', { money: 'out' }],
];

export class LedgerbellBell extends LedgerbellElement {
  /** @type {import('../vendor/lit.js').PropertyDeclarations} */
  static properties = {
    /** Put the count before the title of the document too. */
    titleCount: { type: Boolean, attribute: 'title-count' },
  };

  static styles = [
    base,
    list,
    css`
      :host { display: inline-block; }
      .bell { position: relative; width: 2.75rem; height: 2.75rem; border: 1px solid var(--line); border-radius: 50%; background: var(--surface); color: var(--ink); }
      .badge { position: absolute; top: -0.35rem; right: -0.5rem; min-width: 1.35rem; padding: 0 0.35rem; border: 2px solid var(--surface); border-radius: 1rem;
        background: var(--alarm); color: var(--surface); font-size: 0.75rem; font-weight: 700; line-height: 1.2rem; font-variant-numeric: tabular-nums; white-space: nowrap; }
      .panel { position: fixed; inset: 4.5rem 1rem auto auto; position-area: bottom span-left; position-try-fallbacks: flip-inline, flip-block;
        width: min(380px, 100vw); height: fit-content; max-height: min(42rem, 100dvh - 6rem); margin: 0.4rem 0; padding: 0; overflow: hidden;
        border: 1px solid var(--line); border-radius: var(--radius); background: var(--surface); color: var(--ink); box-shadow: var(--shadow); }
      @supports (position-area: bottom) { .panel { inset: auto; } }
      .panel:popover-open { display: flex; flex-direction: column; }
      header { display: flex; align-items: center; gap: 0.25rem; padding: 0.75rem 0.6rem 0.4rem 1rem; }
      h2 { flex: 1; }
      .chips { padding: 0 1rem 0.6rem; border-bottom: 1px solid var(--line); }
      .scroll { overflow-y: auto; overscroll-behavior: contain; }
      ::slotted(*) { display: block; padding: 0.6rem 1rem; border-top: 1px solid var(--line); text-align: center; }
      @media (max-width: 480px) {
        .panel { inset: 0; position-area: none; width: 100%; height: 100%; max-height: none; margin: 0; border: 0; border-radius: 0; }
        .scroll { flex: 1; }
      }
    `,
  ];

  #list = new NotificationList(this);
  #open = false;
  #filter = 0;
  #prefix = '';

  constructor() {
    super();
    this.titleCount = false;
  }

  /** @param {FocusOptions} [options] */
  focus(options) {
    /** @type {HTMLElement | null} */ (this.renderRoot?.querySelector('.bell'))?.focus(options);
  }

  connectedCallback() {
    super.connectedCallback();
    document.addEventListener('visibilitychange', this);
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    document.removeEventListener('visibilitychange', this);
    this.#drawTitle(0);
  }

  clientChanged() {
    if (this.#open) this.#show(this.#filter);
  }

  render() {
    const unread = this.client?.state.unread ?? 0;
    return html`
      <button class="round bell" part="button" type="button" popovertarget="panel" aria-label=${this.words.say('bell', { n: unread })}>
        ${bell}<span class="badge" part="badge" aria-hidden="true" ?hidden=${unread === 0}>${short(unread)}</span>
      </button>
      <div class="panel" part="panel" id="panel" popover role="dialog" aria-labelledby="heading" @beforetoggle=${this.#toggling} @toggle=${this.#toggled}>
        ${this.#open ? this.#panel(unread) : nothing}
      </div>
    `;
  }

  updated() {
    const { titleCount, client } = this;
    this.#drawTitle(titleCount && client ? client.state.unread : 0);
    const newest = client?.state.items[0];
    if (newest && !document.hidden) client.shown(newest.seq);
  }

  /** @param {MouseEvent} event @param {import('../types.js').Notification} item */
  followed(event, item) {
    this.#panelElement.hidePopover();
    super.followed(event, item);
  }

  /** @param {number} unread */
  #panel(unread) {
    const { words } = this;
    return html`
      <header part="header">
        <h2 id="heading">${words.say('notifications')}</h2>
        <button class="plain small" part="read-all" type="button" aria-disabled=${String(unread === 0)} @click=${this.#readAll}>${words.say('readAll')}</button>
        <button class="round" part="close" type="button" popovertarget="panel" popovertargetaction="hide" aria-label=${words.say('close')}>${cross}</button>
      </header>
      <div class="chips" part="filters" role="group" aria-label=${words.say('filter')}>
        ${FILTERS.map(
          ([name], at) =>
            html`<button class="chip" type="button" aria-pressed=${String(at === this.#filter)} @click=${() => this.#show(at)}>${words.say(name)}</button>`,
        )}
      </div>
      <div class="scroll">${this.#list.template}</div>
      <slot name="see-all"></slot>
    `;
  }

  /** @param {number} at */
  #show(at) {
    this.#filter = at;
    this.#list.show(FILTERS[at][1]);
    this.renderRoot.querySelector('.scroll')?.scrollTo(0, 0);
  }

  #readAll = () => {
    if (this.client?.state.unread) this.client.markAllRead();
  };

  get #panelElement() {
    return /** @type {HTMLElement} */ (this.renderRoot.querySelector('.panel'));
  }

  #toggling = (/** @type {ToggleEvent} */ event) => {
    this.#open = event.newState === 'open';
    if (this.#open) this.#show(0);
    // Back to the bell; a browser does not find the way out of what is about to be gone by itself.
    else if (this.#panelElement.matches(':focus-within')) this.focus();
    // Opened, it is full in its first frame; closed, it costs nothing.
    if (this.#open) this.performUpdate();
    else this.#list.hide();
    this.requestUpdate();
  };

  #toggled = (/** @type {ToggleEvent} */ event) => {
    if (event.newState === 'open' && !this.#list.focus()) this.#panelElement.querySelector('button')?.focus();
  };

  /** @param {number} unread */
  #drawTitle(unread) {
    const prefix = unread === 0 ? '' : `(${short(unread)}) `;
    if (prefix === this.#prefix && document.title.startsWith(prefix)) return;
    const title = document.title.startsWith(this.#prefix) ? document.title.slice(this.#prefix.length) : document.title;
    this.#prefix = prefix;
    document.title = prefix + title;
  }
}

/** @param {number} count */
const short = (count) => (count > 99 ? '99+' : String(count));
