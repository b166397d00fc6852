/** What states are called, with a sign each so that none is told by colour alone, and how soon to look again. */

/**
 * @typedef {object} Shown
 * @property {string} words
 * @property {'waiting' | 'busy' | 'good' | 'bad' | 'over' | 'plain'} tone
 * @property {'moving' | 'waiting' | 'over'} pace `moving`: soon different, and no notification will say so;
 *   `waiting`: a notification will; `over`: it stays as it is
 */

const SIGNS = { waiting: '◷', busy: '⋯', good: '✓', bad: '✕', over: '–', plain: '' };

const PAYMENTS = {
  initiated: ['Starting', 'busy', 'moving'],
  unknown: ['Not confirmed yet', 'busy', 'moving'],
  pending: ['Waiting for you to pay', 'waiting', 'waiting'],
  succeeded: ['Paid, credits on their way', 'busy', 'waiting'],
  completed: ['Completed', 'good', 'over'],
  failed: ['Failed', 'bad', 'over'],
  expired: ['Expired', 'over', 'over'],
  cancelled: ['Cancelled', 'over', 'over'],
  requires_review: ['Being looked into', 'busy', 'waiting'],
};

const VERIFICATIONS = {
  holding: ['Getting a number', 'busy', 'moving'],
  requested: ['Getting a number', 'busy', 'moving'],
  unknown: ['Not confirmed yet', 'busy', 'moving'],
  awaiting_sms: ['Waiting for the SMS', 'waiting', 'waiting'],
  expiring: ['Time is up, closing', 'busy', 'moving'],
  cancelling: ['Cancelling', 'busy', 'moving'],
  completed: ['Code received', 'good', 'over'],
  failed: ['Failed, not charged', 'bad', 'over'],
  rejected: ['Not enough credits', 'bad', 'over'],
  timed_out: ['No SMS in time', 'over', 'over'],
  cancelled: ['Cancelled', 'over', 'over'],
  requires_review: ['Being looked into', 'busy', 'waiting'],
};

const REFUNDS = {
  holding: ['Being asked for', 'busy', 'moving'],
  initiated: ['Asked for', 'waiting', 'waiting'],
  processing: ['On its way', 'busy', 'waiting'],
  completed: ['Refunded', 'good', 'over'],
  failed: ['Failed', 'bad', 'over'],
  rejected: ['Rejected', 'bad', 'over'],
  cancelled: ['Cancelled', 'over', 'over'],
  requires_review: ['Being looked into', 'busy', 'waiting'],
};

export const paymentState = ({ state }) => shown(PAYMENTS, state);
export const verificationState = ({ state }) => shown(VERIFICATIONS, state);
export const refundState = ({ state }) => shown(REFUNDS, state);

export const signOf = (tone) => SIGNS[tone];

/** @returns {Shown} */
function shown(known, state) {
  const [words, tone, pace] = known[state] ?? [state.replaceAll('_', ' '), 'busy', 'waiting'];
  return { words, tone, pace };
}
