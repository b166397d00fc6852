/** The link of a notification, as a template. */

import { html } from '../vendor/lit.js';

/** @param {import('./base.js').LedgerbellElement} host @param {import('../types.js').Notification} item @param {string} href @param {number} [tab] */
export function linkOf(host, item, href, tab = 0) {
  const follow = (/** @type {MouseEvent} */ event) => host.followed(event, item);
  return html`<a href=${href} part="link" rel="noopener noreferrer" tabindex=${tab} @click=${follow}
    >${host.words.say('view')}<span class="aside" lang="en">: ${item.title}</span></a>`;
}
