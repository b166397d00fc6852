/** A service's dead letters, as it is asked for them: a page after the other, and all of them tried again. */

import { Failed, ask } from './session.js';

/** Who may have any. */
export const SERVICES = ['credit', 'monitor', 'notifier', 'payment', 'refund'];

/** In which state those are that wait for a person. */
const WAITING = 'waiting';
const MOST_A_PAGE = 100;
// Of one letter alone: there is no such one, or somebody else has closed it.
const OF_ONE_LETTER = [404, 409];

/** @typedef {import('./letter.js').Letter} Letter */
/** @typedef {{letters: Letter[], hasMore: boolean, dead: number}} Listed */
/** What a run has done so far; `problem`: why it ended before its end. @typedef {{of: number, tried: number, handled: number, problem: string}} Run */

/** Newest first, and whether there are more; throws SignedOut and Failed. @param {string} service @param {number} atMost @returns {Promise<Listed>} */
export async function listed(service, atMost) {
  /** @type {Letter[]} */
  const letters = [];
  for (let before = ''; ; ) {
    const limit = Math.min(MOST_A_PAGE, atMost - letters.length);
    const asked = new URLSearchParams({ state: WAITING, limit: String(limit), ...(before && { before }) });
    const page = await ask(`/v1/dead-letters/${service}?${asked}`);
    letters.push(...page.items);
    before = page.next ?? '';
    if (!before || letters.length >= atMost) return { letters, hasMore: before !== '', dead: page.dead };
  }
}

/**
 * Tries all that wait now, the oldest first, for later ones may build on it. Ends early when told to, and at the first
 * failure that is not of one letter: the next would meet it too. Throws SignedOut, and Failed where none was tried.
 * @param {string} service @param {(run: Run) => void} onTried @param {() => boolean} isStopped
 */
export async function replayAll(service, onTried, isStopped) {
  const { letters } = await listed(service, Infinity);
  const run = { of: letters.length, tried: 0, handled: 0, problem: '' };
  for (const { id } of letters.reverse()) {
    onTried(run);
    if (isStopped()) break;
    try {
      const { state } = await ask(`/v1/dead-letters/${service}/${id}/replay`, { post: {} });
      if (state === 'handled') run.handled += 1;
    } catch (error) {
      if (!(error instanceof Failed)) throw error;
      if (!OF_ONE_LETTER.includes(error.status)) {
        run.problem = error.message;
        break;
      }
    }
    run.tried += 1;
  }
  return run;
}
