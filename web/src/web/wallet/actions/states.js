/** What states are called, with a sign each so that none is told by colour alone, and how soon to look again. */

import { isKey, say } from '../words.js';

/** @typedef {'waiting' | 'busy' | 'good' | 'bad' | 'over' | 'plain'} Tone */

/**
 * @typedef {'moving' | 'waiting' | 'over'} Pace `moving`: soon different, and no notification will say so;
 *   `waiting`: a notification will; `over`: it stays as it is
 */

/** @typedef {{words: string, tone: Tone, pace: Pace}} Shown */

const SIGNS = { waiting: '◷', busy: '⋯', good: '✓', bad: '✕', over: '–', plain: '' };

/** @type {Record<string, [Tone, Pace]>} */
const PAYMENTS = {
  initiated: ['busy', 'moving'],
  unknown: ['busy', 'moving'],
  pending: ['waiting', 'waiting'],
  succeeded: ['busy', 'waiting'],
  completed: ['good', 'over'],
  failed: ['bad', 'over'],
  expired: ['over', 'over'],
  cancelled: ['over', 'over'],
  requires_review: ['busy', 'waiting'],
};

/** @type {Record<string, [Tone, Pace]>} */
const VERIFICATIONS = {
  holding: ['busy', 'moving'],
  requested: ['busy', 'moving'],
  unknown: ['busy', 'moving'],
  awaiting_sms: ['waiting', 'waiting'],
  expiring: ['busy', 'moving'],
  cancelling: ['busy', 'moving'],
  completed: ['good', 'over'],
  failed: ['bad', 'over'],
  rejected: ['bad', 'over'],
  timed_out: ['over', 'over'],
  cancelled: ['over', 'over'],
  requires_review: ['busy', 'waiting'],
};

/** @type {Record<string, [Tone, Pace]>} */
const REFUNDS = {
  holding: ['busy', 'moving'],
  initiated: ['waiting', 'waiting'],
  processing: ['busy', 'waiting'],
  completed: ['good', 'over'],
  failed: ['bad', 'over'],
  rejected: ['bad', 'over'],
  cancelled: ['over', 'over'],
};

/** @type {Record<string, [Tone, Pace]>} */
const ACTIVITY = {
  open: ['waiting', 'waiting'],
  confirmed: ['good', 'over'],
  disputed: ['bad', 'over'],
};

/** @param {{state: string}} item */
export const paymentState = ({ state }) => shown('payment', PAYMENTS, state);
/** @param {{state: string}} item */
export const verificationState = ({ state }) => shown('verification', VERIFICATIONS, state);
/** @param {{state: string}} item */
export const refundState = ({ state }) => shown('refund', REFUNDS, state);
/** @param {{state: string}} item */
export const activityState = ({ state }) => shown('activity', ACTIVITY, state);

/** @param {Tone} tone */
export const signOf = (tone) => SIGNS[tone];

/** @param {string} what @param {Record<string, [Tone, Pace]>} known @param {string} state @returns {Shown} */
function shown(what, known, state) {
  const [tone, pace] = known[state] ?? ['busy', 'waiting'];
  const key = `${what}_${state}`;
  return { words: isKey(key) ? say(key) : state.replaceAll('_', ' '), tone, pace };
}
