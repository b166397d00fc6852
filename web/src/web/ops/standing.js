/** How far a stored notification has come, by what the trail says and no further. */

/**
 * @typedef {{user_id: string, what: string, at: string, event_id?: string | null, transfer_id?: string | null,
 *   epoch?: number | null, seq?: number | null, up_to?: number | null, detail: Record<string, string | number | boolean>}} Entry
 */

/** Whether `entry` speaks of the notification that `stored` is of. @param {Entry} entry @param {Entry} stored */
export function isOf(entry, stored) {
  const { seq } = stored;
  if (seq == null || entry.user_id !== stored.user_id || entry.epoch !== stored.epoch) return false;
  const last = entry.up_to ?? entry.seq;
  const first = entry.seq ?? (entry.what === 'read' ? 0 : last);
  return first != null && last != null && first <= seq && seq <= last;
}

/**
 * "Delivered" is never said: a push is what was written to a socket, an acknowledgement what a session said it showed.
 * @param {Entry} stored @param {Entry[]} entries
 */
export function standing(stored, entries) {
  const said = entries.filter((entry) => isOf(entry, stored));
  const sessions = new Set(said.filter(({ what }) => what === 'acknowledged').map(({ detail }) => detail.session));
  const isRead = said.some(({ what }) => what === 'read');
  const read = isRead ? ', read' : '';
  if (sessions.size) return { words: `acknowledged by ${sessions.size} session${sessions.size === 1 ? '' : 's'}${read}`, isOpen: false };
  if (said.some(({ what }) => what === 'pushed')) return { words: `pushed, not acknowledged${read}`, isOpen: !isRead };
  return { words: `stored, not pushed${read}`, isOpen: !isRead };
}
