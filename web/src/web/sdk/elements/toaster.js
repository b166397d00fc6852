/** `<ledgerbell-toaster>`: what has just happened pops up; critical ones stay, the rest leave after a while nobody was looking away. */

import { html } from '../vendor/lit.js';
import { Announcer } from './announcer.js';
import { LedgerbellElement } from './base.js';
import { Keyed } from './keyed.js';
import { linkOf } from './link.js';
import { sheet } from './styles.js';

const AT_MOST = 3;
const STANDING = 100;
const STAY_MS = 6_000;
const phone = matchMedia('(max-width: 480px)');

/** @typedef {import('../types.js').Notification} Notification */
/** @typedef {{item: Notification, leftMs: number}} Toast */

export class LedgerbellToaster extends LedgerbellElement {
  static hears = ['change', 'toast', 'toasts-moved'];

  static sheets = [
    sheet(`
      aside { position: fixed; inset: auto 1rem 1rem auto; width: min(24rem, 100vw - 2rem); margin: 0; padding: 0; border: 0; background: none; color: inherit; overflow: visible; }
      .toasts { display: grid; gap: .6rem; }
      .toast, .foot { border: 1px solid var(--line); border-radius: 12px; background: var(--surface); box-shadow: var(--shadow); }
      .toast { display: grid; grid-template-columns: auto minmax(0, 1fr) auto; gap: .75rem; padding: .85rem; border-left: 4px solid var(--accent); animation: in .2s ease-out; }
      .good { border-left-color: var(--gain); }
      .bad { border-left-color: var(--alarm); }
      @keyframes in { from { opacity: 0; transform: translateY(.75rem); } }
      .title { font-weight: 700; }
      .body { display: -webkit-box; overflow: hidden; -webkit-box-orient: vertical; -webkit-line-clamp: 4; }
      .foot { display: flex; align-items: baseline; width: fit-content; margin: .6rem 0 0 auto; padding: .2rem .6rem; }
      @media (max-width: 480px) {
        aside { inset-inline: .5rem; bottom: .5rem; width: auto; }
        .toast { padding-block: .5rem; }
        .body { -webkit-line-clamp: 2; }
      }
    `),
  ];

  #nodes = new Keyed();
  #announcer = new Announcer(this);
  /** @type {Toast[]} newest first */
  #toasts = [];
  #paused = document.hidden;
  #hovered = false;
  #tickedAt = 0;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  /** Where the keyboard was before it came here. @type {EventTarget | null} */
  #before = null;

  clientChanged() {
    this.#drop(() => true);
    this.#announcer.clear();
  }

  /** @param {Event} event */
  handleEvent(event) {
    const { type, detail } = /** @type {CustomEvent} */ (event);
    if (type === 'toast') this.#show(detail);
    else if (type === 'toasts-moved') this.#handOver(detail.take);
    else if (type === 'change') this.#retire();
    else this.#look();
  }

  get template() {
    const { words } = this;
    const more = this.#toasts.length - this.#room;
    return html`
      <aside part="area" popover="manual" aria-label=${words.say('toasts')} @keydown=${this.#key} @focusin=${this.#entered} @focusout=${this.#look}
        @pointerenter=${() => this.#look((this.#hovered = true))} @pointerleave=${() => this.#look((this.#hovered = false))}>
        <div class="toasts"></div>
        <p class="foot small soft" part="foot" ?hidden=${this.#toasts.length < 2}>
          <span>${more > 0 ? words.say('more', { n: more }) : ''}</span>
          <button class="plain" type="button" @click=${() => this.#drop(() => true)}>${words.say('dismissAll')}</button>
        </p>
      </aside>
      ${this.#announcer.template}
    `;
  }

  drawn() {
    const shown = this.#toasts.slice(0, this.#room);
    const focused = this.#area.matches(':focus-within');
    const entries = shown.map((toast) => ({ key: toast, shows: [this.words], template: () => this.#toast(toast) }));
    this.#nodes.draw(/** @type {Element} */ (this.#area.firstElementChild), entries);
    this.#raise(shown.length > 0);
    if (focused && !this.#area.matches(':focus-within')) this.#giveFocusOn();
  }

  /** Above whatever has been opened meanwhile, for that may cover the corner it stands in. @param {boolean} any */
  #raise(any) {
    const area = this.#area;
    const { x, y } = area.getBoundingClientRect();
    const root = /** @type {Document | ShadowRoot} */ (this.getRootNode());
    const covered = root.elementFromPoint(x + 20, y + 20) !== this && !area.matches(':focus-within');
    if (!any || covered) area.togglePopover(false);
    area.togglePopover(any);
  }

  get #area() {
    return /** @type {HTMLElement} */ (this.root.querySelector('aside'));
  }

  get #room() {
    return phone.matches ? 1 : AT_MOST;
  }

  /** @param {Toast} toast */
  #toast(toast) {
    const { words } = this;
    const { item } = toast;
    const tone = /failed$|flagged$/.test(item.kind) ? 'bad' : item.amount?.startsWith('+') ? 'good' : '';
    return html`
      <div class="toast ${tone}" part="toast" role="group" aria-label=${item.title} data-seq=${item.seq}>
        <span class="icon" aria-hidden="true">${item.icon}</span>
        <div>
          <p class="title" lang="en">${item.title}</p>
          <p class="body soft" lang="en">${item.body}</p>
          <p class="small">${linkOf(this, item)}</p>
        </div>
        <button class="cross" part="dismiss" type="button" title=${words.say('dismiss')} @click=${() => this.#drop((other) => other === toast)}>
          <span aria-hidden="true">✕</span><span class="aside">${words.say('dismiss')}: <span lang="en">${item.title}</span></span>
        </button>
      </div>
    `;
  }

  // ------------------------------------------------------------------ coming and going

  /** @param {Notification} item */
  #show(item) {
    this.#tick();
    this.#toasts.unshift({ item, leftMs: item.lane === 'critical' ? Infinity : STAY_MS });
    this.#announcer.say(item);
    // What is pushed off comes back when there is room, but only if it was meant to stay; nobody reads hundreds.
    this.#toasts = this.#toasts.filter(({ leftMs }, at) => at < this.#room || leftMs === Infinity).slice(0, STANDING);
    this.#plan();
  }

  /** What has been read, here or in another tab, need not pop up any more. */
  #retire() {
    if (this.#toasts.length === 0) return;
    const read = new Set(this.client?.state.items.filter((item) => item.read).map((item) => item.seq));
    if (this.#toasts.some(({ item }) => read.has(item.seq))) this.#drop(({ item }) => read.has(item.seq));
  }

  /** @param {(seqs: number[]) => void} take */
  #handOver(take) {
    take(this.#toasts.map(({ item }) => item.seq));
    this.#drop(() => true);
  }

  /** @param {(toast: Toast) => boolean} chosen */
  #drop(chosen) {
    this.#tick();
    this.#toasts = this.#toasts.filter((toast) => !chosen(toast));
    if (this.#toasts.length === 0) this.#hovered = false;
    this.#plan();
  }

  #giveFocusOn() {
    const next = this.#area.querySelector('.cross') ?? this.#before;
    if (next instanceof HTMLElement) next.focus();
    this.#look();
  }

  // ------------------------------------------------------------------ time

  // One timer for all: it runs to the next departure and stands still while paused.
  #plan() {
    clearTimeout(this.#timer);
    const nextMs = Math.min(...this.#toasts.map(({ leftMs }) => leftMs));
    if (!this.#paused && nextMs !== Infinity) this.#timer = setTimeout(() => this.#drop(({ leftMs }) => leftMs <= 0), nextMs);
    this.requestUpdate();
  }

  #tick() {
    const passedMs = this.#paused ? 0 : Date.now() - this.#tickedAt;
    for (const toast of this.#toasts) toast.leftMs -= passedMs;
    this.#tickedAt = Date.now();
  }

  /** Whether somebody is reading, or nobody can. */
  #look = (/** @type {unknown} */ _ = undefined) => {
    this.#tick();
    this.#paused = document.hidden || this.#hovered || this.root.querySelector('aside :focus-visible') !== null;
    this.#plan();
  };

  #entered = (/** @type {FocusEvent} */ event) => {
    const from = /** @type {Node | null} */ (event.relatedTarget);
    if (from && !this.#area.contains(from)) this.#before = from;
    this.#look();
  };

  #key = (/** @type {KeyboardEvent} */ event) => {
    const node = /** @type {HTMLElement | null} */ (/** @type {Element} */ (event.target).closest('.toast'));
    if (event.key !== 'Escape' || !node) return;
    // The panel that may be open stays open.
    event.preventDefault();
    this.#drop(({ item }) => String(item.seq) === node.dataset.seq);
  };
}
