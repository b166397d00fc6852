/** Cuts a list into pages whose rows never move to another page, whatever comes on top or is loaded below. */

import { Page } from './page.js';

// Drawn in one go, so no more than a slow phone draws between two frames; and a few of them fill a screen.
const MOST = 10;

/** @typedef {import('../types.js').Notification} Notification */

/** @param {readonly Notification[]} items newest first @param {Page[]} pages as they were @returns {Page[]} those that are left, and new ones */
export function cut(items, pages) {
  if (pages.length === 0) return chunks(items);
  const top = pages[0];
  const newest = top.items[0].seq;
  const oldest = pages[pages.length - 1].floor;
  const fresh = items.filter((item) => item.seq > newest);
  const joins = fresh.length + top.items.length <= MOST;
  const known = items.filter((item) => item.seq >= oldest && (joins || item.seq <= newest));
  const older = items.filter((item) => item.seq < oldest);
  return [...(joins ? [] : chunks(fresh)), ...share(known, pages), ...chunks(older)];
}

/** @param {readonly Notification[]} items @param {Page[]} pages each keeps what is above its floor */
function share(items, pages) {
  let from = 0;
  for (const page of pages) {
    let to = from;
    while (to < items.length && items[to].seq >= page.floor) to += 1;
    page.items = items.slice(from, to);
    from = to;
  }
  return pages.filter((page) => page.items.length > 0);
}

/** @param {readonly Notification[]} items */
function chunks(items) {
  const pages = [];
  for (let from = 0; from < items.length; from += MOST) pages.push(new Page(items.slice(from, from + MOST)));
  return pages;
}
