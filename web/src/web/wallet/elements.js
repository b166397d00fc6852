/** Makes elements from data: text is only ever text, and a link only ever leads to a web page. */

import { say } from './words.js';

/**
 * @template {keyof HTMLElementTagNameMap} T
 * @param {T} tag @param {Record<string, string | undefined>} attributes
 * @param {...(Node | string)} children strings become text, never markup
 */
export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) if (value !== undefined) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

/** @param {string} words for those who listen */
export const hiddenWord = (words) => element('span', { class: 'visually-hidden' }, words);

/** A button of the quiet sort. @param {string} words @param {Record<string, string | undefined>} [attributes] */
export const plainButton = (words, attributes = {}) => element('button', { class: 'plain', type: 'button', ...attributes }, words);

/** Where what went wrong is said. @param {Record<string, string | undefined>} [attributes] */
export const complaint = (attributes = {}) => element('p', { class: 'complaint', role: 'alert', ...attributes });

/** @param {string} label @param {HTMLElement} input with an id */
export const field = (label, input) => element('div', { class: 'field' }, element('label', { for: input.id }, label), input);

/**
 * A link that looks like a button and opens a tab of its own, which cannot reach this one; null where there is no
 * address, or one that a browser would run instead of open.
 * @param {string | null | undefined} address @param {string} words
 */
export function outwards(address, words) {
  if (!address || !URL.canParse(address, location.origin)) return null;
  const { protocol, href } = new URL(address, location.origin);
  if (protocol !== 'https:' && protocol !== 'http:') return null;
  return element('a', { class: 'primary', href, target: '_blank', rel: 'noopener noreferrer' }, words, hiddenWord(` ${say('newTab')}`));
}

/** A link within this page. @param {string} path @param {string} words */
export const hereTo = (path, words) => element('a', { href: path }, words);

/** What the page was written with. @param {string} id */
export const byId = (id) => /** @type {HTMLElement} */ (document.getElementById(id));
