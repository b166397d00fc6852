/** Makes elements from data: text is only ever text, and a link only ever leads to a web page. */

/**
 * @param {string} tag @param {Record<string, string | undefined>} attributes
 * @param {...(Node | string)} children strings become text, never markup
 */
export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) if (value !== undefined) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

export const hiddenWord = (words) => element('span', { class: 'visually-hidden' }, words);

/** The link of a notification, or null where it has none, or one that a browser would run instead of open. */
export function linkTo(address, name) {
  const href = webAddress(address);
  return href && element('a', { href, rel: 'noopener noreferrer' }, 'View', hiddenWord(`: ${name}`));
}

/** A link that looks like a button and opens a tab of its own, which cannot reach this one; null as above. */
export function outwards(address, words) {
  const href = webAddress(address);
  return href && element('a', { class: 'primary', href, target: '_blank', rel: 'noopener noreferrer' }, words, hiddenWord(' (opens a new tab)'));
}

/** A link within this page. @param {string} path @param {string} words */
export const hereTo = (path, words) => element('a', { href: path }, words);

function webAddress(address) {
  if (!address || !URL.canParse(address, location.origin)) return null;
  const url = new URL(address, location.origin);
  return ['https:', 'http:'].includes(url.protocol) ? url.href : null;
}

export const byId = (id) => document.getElementById(id);
