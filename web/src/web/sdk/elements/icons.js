/** The pictures that are not part of a notification. */

import { html } from '../vendor/lit.js';

export const bell = html`<svg viewBox="0 0 24 24" aria-hidden="true">
  <path d="M6 9.5a6 6 0 0 1 12 0c0 5 2 6.5 2 6.5H4s2-1.5 2-6.5M10 19.5a2.2 2.2 0 0 0 4 0" />
</svg>`;
