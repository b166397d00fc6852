/** How far a stored notification has come, by what the trail says and no further. */

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

/**
 * "Delivered" is never said: a push is what was written to a socket, an acknowledgement what a session said it showed.
 * @param {Entry} stored @param {Entry[]} entries newest first
 */
export function standing(stored, entries) {
  const known = numbers(stored, entries);
  const said = entries.filter((entry) => isOf(entry, stored.user_id, known));
  const sessions = new Set(said.filter(({ what }) => what === 'acknowledged').map(({ detail }) => detail.session));
  const isRead = said.some(({ what }) => what === 'read');
  const read = isRead ? ', read' : '';
  if (sessions.size) return { words: `acknowledged by ${sessions.size} session${sessions.size === 1 ? '' : 's'}${read}`, isOpen: false };
  if (said.some(({ what }) => what === 'pushed')) return { words: `pushed, not acknowledged${read}`, isOpen: !isRead };
  return { words: `stored, not pushed${read}`, isOpen: !isRead };
}
