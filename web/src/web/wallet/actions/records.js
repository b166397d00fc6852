/** The user's records of one kind: newest first, page by page, each fetched again when something is heard of it. */

import { ApiError, Refused } from '/sdk/v1/errors.js';
import { element, plainButton } from '../elements.js';
import { say } from '../words.js';
import { tellOfToken, whyUnknown } from './outcome.js';
import { Row } from './row.js';
import { Watch } from './watch.js';

const PAGE = 20;

/** @typedef {Record<string, any>} Item a record as its service has it */

/**
 * @typedef {object} Kind how one kind of record is told
 * @property {string} path where they are had
 * @property {import('../words.js').Key} empty what is said while there is none
 * @property {(item: Item) => string} idOf
 * @property {(item: Item) => string} timeOf
 * @property {(item: Item) => string} title
 * @property {(item: any) => import('./states.js').Shown} state
 * @property {boolean} [signed] whether money in is told from money out
 * @property {(item: Item) => [string, string | null | undefined][]} facts shown when the row is open, empty ones left out
 * @property {(item: Item) => boolean} [asks] whether it wants something of the user, and is open from the start
 * @property {(desk: import('./desk.js').Desk) => {node: HTMLElement, render: (item: Item) => void}} [controls]
 */

export class Records {
  #kind;
  #desk;
  #list = element('ol', { class: 'list', role: 'list' });
  #note = element('p', { class: 'empty', role: 'status' });
  #older = plainButton(say('older'), { hidden: '' });
  /** @type {Map<string, {item: Item, row: Row, turn: number}>} */
  #known = new Map();
  #turn = 0;
  /** @type {Promise<void> | null} */
  #loading = null;
  /** @type {string | null} */
  #next = null;
  #watch = new Watch((id) => this.refresh(id));

  /** @param {HTMLElement} root its panel @param {Kind} kind @param {import('./desk.js').Desk} desk what its controls work with */
  constructor(root, kind, desk) {
    this.#kind = kind;
    this.#desk = desk;
    this.#older.addEventListener('click', () => this.#page(this.#next));
    root.append(this.#list, this.#note, element('p', { class: 'older' }, this.#older));
  }

  get loaded() {
    return this.#loading !== null;
  }

  /** The newest page, the first time. */
  load() {
    this.#loading ??= this.#page(null);
    return this.#loading;
  }

  /** The newest page again, if there was one. */
  async reload() {
    if (this.loaded) await this.#page(null);
  }

  /** The newest in a state, without the rest; whether there are any. Throws ApiError. @param {string} state */
  async bring(state) {
    const turn = ++this.#turn;
    const { items } = await this.#desk.api.get(`${this.#kind.path}?${new URLSearchParams({ limit: String(PAGE), state })}`);
    for (const item of items) this.#put(item, turn);
    return items.length > 0;
  }

  /** Fetch one record; what is not known yet takes its place in the list. @param {string} id */
  async refresh(id) {
    const turn = ++this.#turn;
    try {
      this.#put(await this.#desk.api.get(`${this.#kind.path}/${encodeURIComponent(id)}`), turn);
      return true;
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      tellOfToken(this.#list, error);
      const known = this.#known.get(id);
      if (known) this.#watch.see(id, this.#pace(known.item));
      else this.#missed(id, error);
      return false;
    }
  }

  /** What has just been made: shown at once, if it was not heard of before. Its id. @param {Item} item */
  adopt(item) {
    const id = this.#kind.idOf(item);
    if (!this.#known.has(id)) this.#put(item, ++this.#turn);
    return id;
  }

  /** Open a record's row and put the keyboard there; false where there is no such record. @param {string} id */
  async open(id) {
    if (!this.#known.has(id)) await this.load();
    const there = this.#known.has(id) || (await this.refresh(id));
    if (there) this.#known.get(id)?.row.focus();
    return there;
  }

  /** It stands as its service has just said. @param {Item} item */
  answered(item) {
    this.#put(item, ++this.#turn);
  }

  /** @param {string} id */
  heardOf(id) {
    if (this.loaded || this.#known.has(id)) this.refresh(id);
  }

  /** @param {boolean} socket whether notifications come by themselves now */
  connected(socket) {
    this.#watch.socket = socket;
  }

  /** Time has passed. */
  age() {
    for (const { row } of this.#known.values()) row.age();
  }

  lookAtAll() {
    this.#watch.lookAtAll();
  }

  /** @param {string | null} before */
  async #page(before) {
    const query = new URLSearchParams({ limit: String(PAGE) });
    if (before !== null) query.set('before', before);
    const turn = ++this.#turn;
    try {
      const { items, next } = await this.#desk.api.get(`${this.#kind.path}?${query}`);
      for (const item of items) this.#put(item, turn);
      // A newer first page says nothing of how far down the older ones were read.
      if (before === this.#next) this.#next = next ?? null;
      this.#say('');
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      tellOfToken(this.#list, error);
      this.#say(whyUnknown(error));
      if (this.#known.size === 0) this.#loading = null;
    }
    this.#older.hidden = this.#next === null;
  }

  /** There is no such record, or none that can be had now: then it is asked for again. @param {string} id @param {ApiError} error */
  #missed(id, error) {
    const isGone = error instanceof Refused && error.status === 404;
    this.#say(isGone ? say('noRecord') : whyUnknown(error));
    if (!isGone) this.#watch.see(id, 'moving');
  }

  /** @param {string} words */
  #say(words) {
    this.#note.textContent = words || (this.#known.size === 0 ? say(this.#kind.empty) : '');
    this.#note.hidden = this.#note.textContent === '';
  }

  /** An answer that was asked for earlier than the one that is shown is of the past. @param {Item} item @param {number} turn */
  #put(item, turn) {
    const id = this.#kind.idOf(item);
    const known = this.#known.get(id);
    if (known && turn < known.turn) return;
    const row = known?.row ?? this.#place(new Row(this.#kind, this.#desk, item), item);
    this.#known.set(id, { item, row, turn });
    row.render(item);
    this.#watch.see(id, this.#pace(item));
    this.#say('');
  }

  /** @param {Row} row @param {Item} item */
  #place(row, item) {
    const when = this.#kind.timeOf(item);
    const rows = /** @type {HTMLElement[]} */ ([...this.#list.children]);
    const older = rows.find((other) => (other.dataset.time ?? '') < when);
    row.node.dataset.time = when;
    this.#list.insertBefore(row.node, older ?? null);
    return row;
  }

  /** @param {Item} item */
  #pace(item) {
    return this.#kind.state(item).pace;
  }
}
