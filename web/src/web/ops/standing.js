/** How far a stored notification has come, by what the trail says and no further. */

import { counted } from './format.js';

/**
 * @typedef {{user_id: string, what: string, at: string, event_id?: string | null, transfer_id?: string | null,
 *   epoch?: number | null, seq?: number | null, up_to?: number | null, detail: Record<string, string | number | boolean>}} Entry
 */

/**
 * Its number in each epoch: a rebuild keeps it, or says another of its event, or none.
 * @param {Entry} stored @param {Entry[]} entries newest first
 */
function numbers(stored, entries) {
  let { epoch, seq } = stored;
  const found = new Map([[epoch, seq]]);
  for (const entry of entries.toReversed()) {
    if (entry.what !== 'rebuilt' || entry.user_id !== stored.user_id) continue;
    if (entry.event_id == null ? (entry.epoch ?? 0) <= (epoch ?? 0) : entry.event_id !== stored.event_id) continue;
    epoch = entry.epoch;
    if (entry.event_id != null) seq = entry.seq;
    found.set(epoch, seq);
  }
  return found;
}

/**
 * The entries by which a notification came to be: it was stored, or a rebuild made it of an event not shown before.
 * @param {Entry[]} entries newest first
 */
export function beginnings(entries) {
  const unshown = new Set();
  return entries.toReversed().filter(({ what, event_id: eventId, seq }) => {
    if (what === 'suppressed') unshown.add(eventId);
    return what === 'stored' || (what === 'rebuilt' && seq != null && unshown.delete(eventId));
  });
}

/** Whether `entry` speaks of a notification of this user with these `numbers`. @param {Entry} entry @param {string} user @param {ReturnType<typeof numbers>} known */
function isOf(entry, user, known) {
  const seq = known.get(entry.epoch);
  if (seq == null || entry.user_id !== user) return false;
  const last = entry.up_to ?? entry.seq;
  const first = entry.seq ?? (entry.what === 'read' ? 0 : last);
  return first != null && last != null && first <= seq && seq <= last;
}

/** Sessions and the gateway of each. @param {Entry[]} said */
const sessions = (said) => new Map(said.map(({ detail }) => [detail.session, detail.gateway]));

/**
 * How many tabs have said nothing: a gateway writes a number to each socket once, so that its pushes add up to sockets.
 * @param {Entry[]} pushed @param {ReturnType<typeof sessions>} acknowledged by sessions that were sent it
 */
function silent(pushed, acknowledged) {
  const tabs = new Map();
  for (const { detail } of pushed) tabs.set(detail.gateway, (tabs.get(detail.gateway) ?? 0) + Number(detail.tabs));
  for (const gateway of acknowledged.values()) tabs.set(gateway, (tabs.get(gateway) ?? 0) - 1);
  return [...tabs.values()].reduce((sum, left) => sum + Math.max(left, 0), 0);
}

/**
 * "Delivered" is never said: a push is what was written to a socket, an acknowledgement what a session says that its page has.
 * One of a session that was not sent it itself, but had it when it came, stands for no tab that was pushed to.
 * @param {Entry} stored @param {Entry[]} entries newest first
 */
export function standing(stored, entries) {
  const known = numbers(stored, entries);
  const said = entries.filter((entry) => isOf(entry, stored.user_id, known));
  const pushed = said.filter(({ what }) => what === 'pushed');
  const acknowledged = said.filter(({ what }) => what === 'acknowledged');
  const wasSent = (/** @type {Entry} */ { epoch, detail }) => Number(known.get(epoch)) >= Number(detail.sent_from ?? 0);
  const sent = sessions(acknowledged.filter(wasSent));
  const listed = sessions(acknowledged.filter((entry) => !wasSent(entry)));
  const left = silent(pushed, sent);
  const isRead = said.some(({ what }) => what === 'read');
  const read = isRead ? ', read' : '';
  if (sent.size) {
    const rest = left ? `; ${counted(left, 'tab')} pushed, not acknowledged` : '';
    return { words: `acknowledged by ${counted(sent.size, 'session')}${read}${rest}`, isOpen: left > 0 && !isRead };
  }
  const rest = listed.size ? `; in the list of ${counted(listed.size, 'session')}` : '';
  return { words: `${pushed.length ? 'pushed, not acknowledged' : 'stored, not pushed'}${read}${rest}`, isOpen: !isRead };
}
