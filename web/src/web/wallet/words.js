/** The page's words in the language it is shown in, and amounts and times as that language writes them. */

import { timesIn } from '/sdk/v1/elements/times.js';
import { Words } from '/sdk/v1/words.js';

/** @typedef {keyof typeof import('./words/en.js').default} Key */

export const LOCALE = document.documentElement.lang;
const { default: catalogue } = await (LOCALE.startsWith('de') ? import('./words/de.js') : import('./words/en.js'));
const words = new Words(LOCALE, /** @type {any} The mechanism is the SDK's, the keys are ours. */ (catalogue));
const times = timesIn(LOCALE);
const time = new Intl.DateTimeFormat(LOCALE, { timeStyle: 'short' });
const point = new Intl.NumberFormat(LOCALE).formatToParts(0.5).find(({ type }) => type === 'decimal')?.value ?? '.';

/** @param {Key} key @param {Record<string, string | number>} [values] */
export const say = (key, values) => words.say(/** @type {any} */ (key), values);

/** @param {string} key @returns {key is Key} */
export const isKey = (key) => Object.hasOwn(catalogue, key);

/** @param {string} amount decimal string @param {string} currency @param {boolean} [signed] show a plus too */
export const money = (amount, currency, signed) => words.money(amount, currency, signed);

/** An amount without its cents, where it has none. @param {string} amount decimal string @param {string} currency */
export function roundMoney(amount, currency) {
  const formatter = new Intl.NumberFormat(LOCALE, { style: 'currency', currency, trailingZeroDisplay: 'stripIfInteger' });
  return formatter.format(/** @type {`${number}`} */ (amount));
}

/** As it would be typed here. @param {string} amount decimal string */
export const asTyped = (amount) => amount.replace('.', point);

/** @param {Date} when */
export const ago = (when) => times.ago(when) || say('now');

/** @param {Date} when */
export const exactly = (when) => times.exactly(when);

/** The time of day. @param {Date} when */
export const clock = (when) => time.format(when);

/** Put the words into what the page brought along: `data-say` is its text, `data-name` its name. @param {ParentNode} root */
export function fill(root) {
  for (const node of root.querySelectorAll('[data-say]')) node.textContent = say(/** @type {Key} */ (/** @type {HTMLElement} */ (node).dataset.say));
  for (const node of root.querySelectorAll('[data-name]')) node.setAttribute('aria-label', say(/** @type {Key} */ (/** @type {HTMLElement} */ (node).dataset.name)));
}
