/** The language and the theme, chosen here and kept in this browser. */

import { byId } from './elements.js';
import { LOCALE } from './words.js';

const ELEMENTS = 'ledgerbell-status, ledgerbell-bell, ledgerbell-balance, ledgerbell-history, ledgerbell-toaster';

export function offerPreferences() {
  const language = /** @type {HTMLSelectElement} */ (byId('language'));
  const theme = /** @type {HTMLSelectElement} */ (byId('theme'));
  const root = document.documentElement;
  language.value = LOCALE.slice(0, 2);
  theme.value = root.dataset.theme ?? 'auto';
  applyTheme(theme.value);
  language.addEventListener('change', () => {
    localStorage.setItem('ledgerbell.language', language.value);
    // Every word on the page, and every amount and time, is another.
    location.reload();
  });
  theme.addEventListener('change', () => {
    localStorage.setItem('ledgerbell.theme', theme.value);
    applyTheme(theme.value);
  });
}

/** @param {string} theme */
function applyTheme(theme) {
  document.documentElement.dataset.theme = theme;
  for (const node of document.querySelectorAll(ELEMENTS)) node.setAttribute('theme', theme);
}
