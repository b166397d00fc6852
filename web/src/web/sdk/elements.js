/** The elements, defined once for the page that loads this. */

import { LedgerbellBalance } from './elements/balance.js';
import { LedgerbellBell } from './elements/bell.js';
import { LedgerbellHistory } from './elements/history.js';
import { LedgerbellStatus } from './elements/status.js';
import { LedgerbellToaster } from './elements/toaster.js';

export { provide } from './elements/base.js';
export { LedgerbellBalance, LedgerbellBell, LedgerbellHistory, LedgerbellStatus, LedgerbellToaster };

const ELEMENTS = {
  'ledgerbell-balance': LedgerbellBalance,
  'ledgerbell-bell': LedgerbellBell,
  'ledgerbell-history': LedgerbellHistory,
  'ledgerbell-status': LedgerbellStatus,
  'ledgerbell-toaster': LedgerbellToaster,
};
// A page that loads this from two addresses keeps what came first.
for (const [name, element] of Object.entries(ELEMENTS)) if (!customElements.get(name)) customElements.define(name, element);
