/** The notifications as a list: one row each, made once, changed in place, reachable by mouse and keyboard alike. */

import { element, hiddenWord, linkTo } from './elements.js';
import { ago, exactly, isLoss, money } from './format.js';

const AGE_EVERY_MS = 20_000;
const MOVES = {
  ArrowDown: (at) => at + 1,
  ArrowUp: (at) => at - 1,
  Home: () => 0,
  End: (_at, last) => last,
};

export class NotificationList {
  #root;
  #onRead;
  /** @type {Map<number, {row: HTMLElement, read: boolean, when: Date, time: HTMLElement}>} */
  #rows = new Map();

  /** @param {HTMLElement} root an ordered list @param {(seq: number) => void} onRead */
  constructor(root, onRead) {
    this.#root = root;
    this.#onRead = onRead;
    root.addEventListener('click', (event) => this.#read(event.target));
    root.addEventListener('keydown', (event) => this.#key(event));
    root.addEventListener('focusin', (event) => this.#makeTabStop(event.target.closest('article')));
    setInterval(() => this.#age(), AGE_EVERY_MS);
  }

  /** @param {import('./feed.js').Notification[]} items newest first */
  render(items) {
    const wanted = new Set(items.map((item) => item.seq));
    for (const [seq, { row }] of this.#rows) if (!wanted.has(seq)) this.#remove(seq, row);
    items.forEach((item, place) => this.#place(item, place));
    if (!this.#root.querySelector('article[tabindex="0"]')) this.#makeTabStop(this.#root.querySelector('article'));
  }

  /** Put the keyboard on the newest unread row, or the newest at all; false where there is none. */
  focus() {
    const article = this.#root.querySelector('article.unread') ?? this.#root.querySelector('article');
    article?.focus();
    return article !== null;
  }

  #place(item, place) {
    const known = this.#rows.get(item.seq) ?? this.#add(item);
    if (this.#root.children[place] !== known.row) this.#root.insertBefore(known.row, this.#root.children[place] ?? null);
    if (item.read !== known.read) this.#showRead(known, item.read);
  }

  #add(item) {
    const when = new Date(item.occurred_at);
    const time = element('time', { datetime: item.occurred_at, title: exactly(when) }, ago(when));
    const known = { row: makeRow(item, time), read: false, when, time };
    this.#rows.set(item.seq, known);
    return known;
  }

  #remove(seq, row) {
    row.remove();
    this.#rows.delete(seq);
  }

  #showRead(known, read) {
    known.read = read;
    const article = known.row.firstElementChild;
    const mark = article.querySelector('.mark');
    // The button goes; a keyboard that stood on it must not fall to the top of the page.
    if (read && document.activeElement === mark) article.focus();
    mark.hidden = read;
    article.querySelector('.unread-word').hidden = read;
    article.classList.toggle('unread', !read);
  }

  #read(target) {
    const article = target.closest('article.unread');
    if (article) this.#onRead(Number(article.dataset.seq));
  }

  #key(event) {
    const article = event.target.closest('article');
    if (article === null || event.altKey || event.ctrlKey || event.metaKey) return;
    if (event.key === 'Enter' && event.target === article) this.#read(article);
    const move = MOVES[event.key];
    if (!move) return;
    const articles = [...this.#root.querySelectorAll('article')];
    articles[move(articles.indexOf(article), articles.length - 1)]?.focus();
    event.preventDefault();
  }

  /** One row is in the tab order, the arrows do the rest: fifty rows are not fifty presses of Tab. */
  #makeTabStop(article) {
    if (!article) return;
    for (const other of this.#root.querySelectorAll('article[tabindex="0"]')) setReachable(other, false);
    setReachable(article, true);
  }

  #age() {
    for (const { when, time } of this.#rows.values()) time.textContent = ago(when);
  }
}

function setReachable(article, reachable) {
  for (const part of [article, ...article.querySelectorAll('a, button')]) part.tabIndex = reachable ? 0 : -1;
}

function makeRow(item, time) {
  const title = element('h3', { id: `title-${item.seq}` }, element('span', { class: 'unread-word visually-hidden' }, 'Unread: '), item.title);
  const head = element('div', { class: 'head' }, title);
  if (item.amount && item.currency) head.append(amountOf(item));
  const body = element('p', { class: 'body', id: `body-${item.seq}` }, item.body);
  const meta = element('p', { class: 'meta' }, time);
  const link = linkTo(item.link, item.title);
  if (link) meta.append(' · ', link);
  const article = element(
    'article',
    { class: 'row unread', 'data-seq': String(item.seq), 'aria-labelledby': title.id, 'aria-describedby': body.id },
    element('button', { class: 'mark', type: 'button', title: 'Mark as read' }, hiddenWord(`Mark as read: ${item.title}`)),
    element('span', { class: 'icon', 'aria-hidden': 'true' }, item.icon),
    element('div', { class: 'words' }, head, body, meta),
  );
  setReachable(article, false);
  return element('li', {}, article);
}

function amountOf({ amount, currency }) {
  const shown = money(amount, currency, { signed: true });
  return element('p', { class: isLoss(amount) ? 'amount loss' : 'amount gain' }, shown);
}
