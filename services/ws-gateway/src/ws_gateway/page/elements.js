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
  if (!address || !URL.canParse(address, location.origin)) return null;
  const url = new URL(address, location.origin);
  if (!['https:', 'http:'].includes(url.protocol)) return null;
  return element('a', { href: url.href, rel: 'noopener noreferrer' }, 'View', hiddenWord(`: ${name}`));
}

export const byId = (id) => document.getElementById(id);
