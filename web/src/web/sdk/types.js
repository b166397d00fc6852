/** What the parts of the SDK hand to each other, by name. No code. */

/**
 * @typedef {object} Notification one movement, as it was stored: text only, never markup
 * @property {number} seq its place among its user's, from 1 without holes
 * @property {string} id
 * @property {string} kind family and what happened, such as `refund.completed`
 * @property {'critical' | 'high' | 'standard'} lane
 * @property {string} icon
 * @property {string} title
 * @property {string} body
 * @property {string} text icon, title and body in one line
 * @property {string | null} link
 * @property {boolean} toast
 * @property {string | null} amount signed decimal string: `+12.50` is money in
 * @property {string | null} currency ISO 4217
 * @property {string | null} transfer_id
 * @property {string} occurred_at ISO 8601 instant
 * @property {boolean} read
 */

/**
 * @typedef {object} Balance decimal strings; a higher version is newer
 * @property {string} currency
 * @property {string} posted
 * @property {string} held
 * @property {string} available
 * @property {number} version
 */

/**
 * @typedef {object} Filter which notifications are wanted; what is left out does not matter
 * @property {'payment' | 'refund' | 'verification' | 'credit' | 'activity'} [kind]
 * @property {'in' | 'out'} [money]
 * @property {true} [unread]
 * @property {Date} [since] this instant and later
 * @property {Date} [until] before this instant
 */

/** @typedef {{code: string, message: string}} Problem a stable code, and a sentence in English */

/** @typedef {'idle' | 'connecting' | 'online' | 'reconnecting' | 'offline' | 'refused'} Status */

/**
 * @typedef {object} State everything there is to show, frozen and replaced whole
 * @property {Status} status
 * @property {'ws' | 'poll' | 'tab' | 'none'} transport `tab`: another tab of this browser has the line
 * @property {boolean} polling whoever has the line polls, because no socket can be had
 * @property {boolean} leader this tab has the line
 * @property {boolean} loaded
 * @property {Problem | null} problem why it is refused
 * @property {number} unread
 * @property {string | null} cursor
 * @property {readonly Notification[]} items newest first, at most 200; an object is replaced when it changes
 * @property {readonly Balance[]} balances by currency
 */

/**
 * @typedef {object} Counts
 * @property {number} [unread]
 * @property {number} [rev] orders two counts: the higher is newer
 * @property {number | null} [read_seq] everything up to here is read
 * @property {string[]} [ids] read by themselves
 */

/** @typedef {Counts & {items: Notification[], next: string | null, as_of: string}} Page */

/** @typedef {{type: string, [field: string]: any}} Frame as protocol ledgerbell.v1 has it */

export {};
