/** The link of a notification, as a template; it only ever leads to a web page. */

import { html, nothing } from '../vendor/lit.js';

/**
 * Nothing where there is no link, or one that a browser would run instead of open.
 * @param {import('./base.js').LedgerbellElement} host @param {import('../types.js').Notification} item
 * @param {number} [tab] index @param {string} [before] what stands before it
 */
export function linkOf(host, item, tab = 0, before = '') {
  const base = new URL(host.getAttribute('link-base') ?? '/', location.href);
  const url = item.link && URL.canParse(item.link, base) ? new URL(item.link, base) : null;
  if (!url || !/^https?:$/.test(url.protocol)) return nothing;
  const follow = (/** @type {MouseEvent} */ event) => host.followed(event, item);
  return html`${before}<a href=${url.href} part="link" rel="noopener noreferrer" tabindex=${tab} @click=${follow}
    >${host.words.say('view')}<span class="aside" lang="en">: ${item.title}</span></a>`;
}
