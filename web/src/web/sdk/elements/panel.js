/** What the bell opens: the newest notifications, what to see of them, and a way to be done with all. */

import { html } from '../vendor/lit.js';
import { NotificationList } from './list.js';
import { list } from './liststyles.js';
import { sheet } from './styles.js';

/** @type {['all' | 'unread' | 'in' | 'out', import('../types.js').Filter][]} */
const FILTERS = [
  ['all', {}],
  ['unread', { unread: true }],
  ['in', { money: 'in' }],
  ['out', { money: 'out' }],
];

const styles = sheet(`
  .panel { position: fixed; inset: 4.5rem 1rem auto auto; position-area: bottom span-left; position-try-fallbacks: flip-inline, flip-block;
    width: min(380px, 100vw); height: fit-content; max-height: min(42rem, 100dvh - 6rem); margin: .4rem 0; padding: 0; overflow: hidden;
    border: 1px solid var(--line); border-radius: var(--radius); background: var(--surface); color: var(--ink); box-shadow: var(--shadow); }
  @supports (position-area: bottom) { .panel { inset: auto; } }
  .panel:popover-open { display: flex; flex-direction: column; }
  .header { display: flex; align-items: center; gap: .25rem; padding: .75rem .6rem .4rem 1rem; }
  h2 { flex: 1; }
  .chips { padding: 0 1rem .6rem; border-bottom: 1px solid var(--line); }
  .scroll { overflow-y: auto; overscroll-behavior: contain; }
  ::slotted(*) { display: block; padding: .6rem 1rem; border-top: 1px solid var(--line); text-align: center; }
  @media (max-width: 480px) {
    .panel { inset: 0; position-area: none; width: 100%; height: 100%; max-height: none; margin: 0; border: 0; border-radius: 0; }
    .scroll { flex: 1; }
  }
`);

export class Panel {
  #host;
  #list;
  #filter = 0;

  /** @param {import('./base.js').LedgerbellElement} host */
  constructor(host) {
    this.#host = host;
    this.#list = new NotificationList(host);
    host.root.adoptedStyleSheets.push(list, styles);
  }

  get template() {
    if (!this.#list.listing) return '';
    const { words, client } = this.#host;
    return html`
      <div class="header" part="header">
        <h2>${words.say('notifications')}</h2>
        <button class="plain small" part="read-all" type="button" aria-disabled=${String(!client?.state.unread)} @click=${this.#readAll}>${words.say('readAll')}</button>
        <button class="cross" part="close" type="button" popovertarget="panel" popovertargetaction="hide" aria-label=${words.say('close')}><span aria-hidden="true">✕</span></button>
      </div>
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

  drawn() {
    this.#list.drawn();
  }

  open() {
    if (!this.#list.listing) this.#show(0);
  }

  close() {
    this.#list.hide();
    this.#host.requestUpdate();
  }

  /** There is another client. */
  restart() {
    if (this.#list.listing) this.#show(this.#filter);
  }

  focus() {
    if (!this.#list.focus()) /** @type {HTMLElement | null} */ (this.#host.root.querySelector('.panel button'))?.focus();
  }

  /** @param {number} at */
  #show(at) {
    this.#filter = at;
    this.#list.show(FILTERS[at][1]);
    this.#host.root.querySelector('.scroll')?.scrollTo(0, 0);
  }

  #readAll = () => {
    const { client } = this.#host;
    if (client?.state.unread) client.markAllRead();
  };
}
