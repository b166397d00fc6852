/** The account's history: each movement of the balance, and what was left after it. */

import { isKey, money, say } from '../words.js';

/** @type {import('./records.js').Kind} */
export const STATEMENT = {
  path: '/v1/accounts/me/entries',
  empty: 'noEntries',
  idOf: (item) => item.transfer_id,
  timeOf: (item) => item.occurred_at,
  title: (item) => item.service ?? titleOf(`source_${item.source}`) ?? item.reason,
  state: (item) => ({ words: say('balanceAfter', { amount: money(item.balance_after, item.currency) }), tone: 'plain', pace: 'over' }),
  signed: true,
  facts: (item) => [
    [say('for'), item.reason],
    [say('reference'), item.reference],
  ],
};

/** @param {string} key */
const titleOf = (key) => (isKey(key) ? say(key) : null);
