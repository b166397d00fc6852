/** One notification in a list, as a template: its words are text, whatever they contain. */

import { html, nothing } from '../vendor/lit.js';

/** @typedef {import('../types.js').Notification} Notification */

/**
 * @param {import('./base.js').LedgerbellElement} host @param {Notification} item
 * @param {{day: string | null, reachable: boolean, exact: boolean}} how `day`: heading, where a day begins;
 *   `reachable`: by the Tab key; `exact`: say the time of day instead of how long ago
 */
export function rowOf(host, item, { day, reachable, exact }) {
  const { words } = host;
  const { seq, title, read } = item;
  const href = host.webAddress(item.link);
  const when = new Date(item.occurred_at);
  const tab = reachable ? 0 : -1;
  return html`
    ${day === null ? nothing : html`<h3 class="day" part="day">${day}</h3>`}
    <div class=${read ? 'row' : 'row unread'} part="row">
      <button class="mark" type="button" tabindex=${tab} ?hidden=${read} title=${words.say('read')}>
        <span class="aside">${words.say('read')}: <span lang="en">${title}</span></span>
      </button>
      <span class="icon" aria-hidden="true">${item.icon}</span>
      <div class="words">
        <div class="head">
          <h4 id=${`t${seq}`} part="title"><span class="aside" ?hidden=${read}>${words.say('unread')}: </span><span lang="en">${title}</span></h4>
          ${amountOf(host, item)}
        </div>
        <p class="body" id=${`b${seq}`} part="body" lang="en">${item.body}</p>
        <p class="soft small" id=${`m${seq}`}>
          <time datetime=${item.occurred_at} title=${words.exactly(when)}>${exact ? words.stamp(when) : words.ago(when, words.say('now'))}</time>
          ${href ? html`· <a href=${href} part="link" rel="noopener noreferrer" tabindex=${tab}>${words.say('view')}<span class="aside" lang="en">: ${title}</span></a>` : nothing}
        </p>
      </div>
    </div>
  `;
}

/** @param {import('./base.js').LedgerbellElement} host @param {Notification} item */
function amountOf({ words }, { seq, amount, currency }) {
  if (!amount || !currency) return nothing;
  const tone = amount.startsWith('-') ? 'loss' : 'gain';
  return html`<p class="amount ${tone}" part="amount" id=${`a${seq}`}>${words.money(amount, currency, true)}</p>`;
}
