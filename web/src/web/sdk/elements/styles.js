/** What all elements look like: two sets of colours, each replaceable by a site; no colour says what words do not say too. */

/** @param {string} css */
export function sheet(css) {
  const made = new CSSStyleSheet();
  made.replaceSync(css);
  return made;
}

export const base = sheet(`
  :host {
    color-scheme: light dark;
    --surface: var(--ledgerbell-surface, light-dark(#fff, #191d26));
    --tint: var(--ledgerbell-tint, light-dark(#eef2ff, #1d2540));
    --line: var(--ledgerbell-line, light-dark(#dfe2ea, #2b3140));
    --ink: var(--ledgerbell-ink, light-dark(#171a21, #eceef3));
    --soft: var(--ledgerbell-soft, light-dark(#5a6272, #a2aabb));
    --accent: var(--ledgerbell-accent, light-dark(#3b5bdb, #8ea5ff));
    --alarm: var(--ledgerbell-alarm, light-dark(#c92a2a, #ff6b6b));
    --gain: var(--ledgerbell-gain, light-dark(#1f7a3d, #69d48c));
    --waiting: var(--ledgerbell-waiting, light-dark(#b35c00, #ffb45c));
    --shadow: var(--ledgerbell-shadow, 0 8px 28px light-dark(#14182829, #0008));
    --radius: var(--ledgerbell-radius, 14px);
    color: var(--ink);
    font: var(--ledgerbell-font, 16px/1.45 system-ui, sans-serif);
    overflow-wrap: anywhere;
  }
  :host([theme=light]) { color-scheme: light; }
  :host([theme=dark]) { color-scheme: dark; }
  * { box-sizing: border-box; margin: 0; }
  :host([hidden]), [hidden] { display: none !important; }
  button { padding: 0; font: inherit; color: inherit; border: 0; border-radius: 8px; background: none; cursor: pointer; }
  button:hover { background: var(--tint); }
  a, .plain { color: var(--accent); }
  :focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
  .aside { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
  .soft { color: var(--soft); }
  .small { font-size: .85em; }
  .icon { min-width: 1.5rem; font-size: 1.3em; line-height: 1.5rem; text-align: center; }
  .plain { padding: .35em .6em; }
  .cross { flex: none; width: 2rem; height: 2rem; color: var(--soft); }
  @media (prefers-reduced-motion: reduce) { * { animation: none !important; } }
`);
