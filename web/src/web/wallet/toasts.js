/** Pop-ups for what has just happened: at most three, critical ones stay, the rest leave after a while nobody was looking away. */

import { element, hiddenWord, linkTo } from './elements.js';
import { isLoss } from './format.js';

const AT_MOST = 3;
const STAY_MS = 6_000;

/** @typedef {{item: object, node: HTMLElement, leftMs: number}} Toast */

export class Toaster {
  #parts;
  #announcer;
  #onRead;
  /** @type {Toast[]} newest first */
  #toasts = [];
  #paused = false;
  #tickedAt = 0;
  #timer = 0;

  /**
   * @param {{area: HTMLElement, list: HTMLElement, foot: HTMLElement, more: HTMLElement, clear: HTMLElement,
   *   afterwards: HTMLElement}} parts `afterwards` gets the keyboard when the last toast under it is gone
   * @param {import('./announcer.js').Announcer} announcer @param {(seq: number) => void} onRead
   */
  constructor(parts, announcer, onRead) {
    this.#parts = parts;
    this.#announcer = announcer;
    this.#onRead = onRead;
    for (const event of ['pointerenter', 'focusin']) parts.area.addEventListener(event, () => this.#pause());
    for (const event of ['pointerleave', 'focusout']) parts.area.addEventListener(event, () => this.#resume());
    document.addEventListener('visibilitychange', () => (document.hidden ? this.#pause() : this.#resume()));
    parts.area.addEventListener('keydown', (event) => this.#key(event));
    parts.clear.addEventListener('click', () => this.#drop(() => true));
    this.#paused = document.hidden;
  }

  /** @param {import('./feed.js').Notification} item */
  show(item) {
    this.#tick();
    const toast = { item, node: makeToast(item), leftMs: item.lane === 'critical' ? Infinity : STAY_MS };
    toast.node.querySelector('.dismiss').addEventListener('click', () => this.#drop((other) => other === toast));
    toast.node.querySelector('a')?.addEventListener('click', () => this.#onRead(item.seq));
    this.#toasts.unshift(toast);
    this.#parts.list.prepend(toast.node);
    this.#announcer.say(item);
    // What is pushed off comes back when there is room, but only if it was meant to stay.
    const gone = this.#toasts.slice(AT_MOST).filter(({ leftMs }) => leftMs !== Infinity);
    this.#drop((other) => gone.includes(other));
  }

  /** What has been read, here or in another tab, need not pop up any more. @param {Set<number>} seqs */
  retire(seqs) {
    if (this.#toasts.length > 0) this.#drop(({ item }) => seqs.has(item.seq));
  }

  #drop(chosen) {
    const hadFocus = this.#parts.area.contains(document.activeElement);
    for (const toast of this.#toasts) if (chosen(toast)) toast.node.remove();
    this.#toasts = this.#toasts.filter((toast) => !chosen(toast));
    this.#draw();
    if (hadFocus && !this.#parts.area.contains(document.activeElement)) this.#giveFocusOn();
  }

  #giveFocusOn() {
    (this.#parts.list.querySelector('.dismiss') ?? this.#parts.afterwards).focus();
    this.#resume();
  }

  #draw() {
    this.#toasts.forEach(({ node }, place) => (node.hidden = place >= AT_MOST));
    const more = this.#toasts.length - AT_MOST;
    this.#parts.foot.hidden = this.#toasts.length < 2;
    this.#parts.more.textContent = more > 0 ? `${more} more` : '';
    this.#plan();
  }

  // One timer for all: it runs to the next departure and stands still while paused.
  #plan() {
    clearTimeout(this.#timer);
    this.#tickedAt = Date.now();
    const nextMs = Math.min(...this.#toasts.map(({ leftMs }) => leftMs));
    if (!this.#paused && nextMs !== Infinity) this.#timer = setTimeout(() => this.#expire(), nextMs);
  }

  #tick() {
    const passedMs = this.#paused ? 0 : Date.now() - this.#tickedAt;
    for (const toast of this.#toasts) toast.leftMs -= passedMs;
    this.#tickedAt = Date.now();
  }

  #expire() {
    this.#tick();
    this.#drop(({ leftMs }) => leftMs <= 0);
  }

  #pause() {
    this.#tick();
    this.#paused = true;
    clearTimeout(this.#timer);
  }

  #resume() {
    const { area } = this.#parts;
    if (document.hidden || area.matches(':hover') || area.contains(document.activeElement)) return;
    this.#tick();
    this.#paused = false;
    this.#plan();
  }

  #key(event) {
    const node = event.target.closest('.toast');
    if (event.key === 'Escape' && node) this.#drop((toast) => toast.node === node);
  }
}

function makeToast(item) {
  const words = element('div', { class: 'words' }, element('p', { class: 'toast-title' }, item.title), element('p', { class: 'body' }, item.body));
  const link = linkTo(item.link, item.title);
  if (link) words.append(element('p', { class: 'meta' }, link));
  return element(
    'div',
    { class: 'toast', role: 'group', 'aria-label': item.title, 'data-seq': String(item.seq), 'data-tone': toneOf(item) },
    element('span', { class: 'icon', 'aria-hidden': 'true' }, item.icon),
    words,
    element('button', { class: 'dismiss', type: 'button', title: 'Dismiss' }, hiddenWord(`Dismiss: ${item.title}`)),
  );
}

function toneOf({ kind, amount }) {
  if (kind.endsWith('.failed') || kind === 'activity.flagged') return 'bad';
  return amount && !isLoss(amount) ? 'good' : undefined;
}
