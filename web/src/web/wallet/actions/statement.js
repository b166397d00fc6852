/** The account's history: each movement of the balance, and what was left after it. */

import { money } from '../format.js';

const SOURCES = { manual: 'Credits added', bonus: 'Bonus', payment: 'Top-up', refund: 'Refund' };

/** @type {import('./records.js').Kind} */
export const STATEMENT = {
  path: '/v1/accounts/me/entries',
  empty: 'Nothing has moved yet.',
  idOf: (item) => item.transfer_id,
  timeOf: (item) => item.occurred_at,
  title: (item) => item.service ?? SOURCES[item.source] ?? item.reason,
  state: (item) => ({ words: `Balance ${money(item.balance_after, item.currency)}`, tone: 'plain', pace: 'over' }),
  signed: true,
  facts: (item) => [
    ['For', item.reason],
    ['Reference', item.reference],
  ],
};
