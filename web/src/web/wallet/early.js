/** Before anything is painted: the language and the theme that were chosen in this browser, else its own. */

'use strict';

{
  const root = document.documentElement;
  const chosen = localStorage.getItem('ledgerbell.language');
  const wanted = navigator.languages.filter((tag) => ['en', 'de'].includes(tag.slice(0, 2)));
  // The region of the browser's own tag says how amounts and times are written.
  root.lang = (chosen ? wanted.find((tag) => tag.startsWith(chosen)) ?? chosen : wanted[0]) ?? 'en';
  root.dataset.theme = localStorage.getItem('ledgerbell.theme') ?? 'auto';
}
