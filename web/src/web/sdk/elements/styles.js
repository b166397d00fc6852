/** What all elements look like: two sets of colours, each replaceable by a site; no colour says what words do not say too. */

import { css } from '../vendor/lit.js';

export const base = css`
  :host {
    color-scheme: light dark;
    --surface: var(--ledgerbell-surface, light-dark(#fff, #191d26));
    --tint: var(--ledgerbell-tint, light-dark(#eef2ff, #1d2540));
    --line: var(--ledgerbell-line, light-dark(#dfe2ea, #2b3140));
    --ink: var(--ledgerbell-ink, light-dark(#171a21, #eceef3));
    --soft: var(--ledgerbell-soft, light-dark(#5a6272, #a2aabb));
    --accent: var(--ledgerbell-accent, light-dark(#3b5bdb, #8ea5ff));
    --on-accent: var(--ledgerbell-on-accent, light-dark(#fff, #0e1424));
    --alarm: var(--ledgerbell-alarm, light-dark(#c92a2a, #ff6b6b));
    --gain: var(--ledgerbell-gain, light-dark(#1f7a3d, #69d48c));
    --loss: var(--ledgerbell-loss, light-dark(#a8281e, #ff9b8f));
    --live: var(--ledgerbell-live, light-dark(#2b8a3e, #51cf66));
    --waiting: var(--ledgerbell-waiting, light-dark(#b35c00, #ffb45c));
    --shadow: var(--ledgerbell-shadow, 0 8px 28px light-dark(rgb(20 24 40 / 16%), rgb(0 0 0 / 55%)));
    --radius: var(--ledgerbell-radius, 14px);
    color: var(--ink);
    font: var(--ledgerbell-font, 16px/1.45 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "DejaVu Sans", sans-serif);
    overflow-wrap: anywhere;
  }
  :host([theme="light"]) { color-scheme: light; }
  :host([theme="dark"]) { color-scheme: dark; }
  * { box-sizing: border-box; margin: 0; }
  :host([hidden]), [hidden] { display: none !important; }
  button, input, select { font: inherit; color: inherit; }
  button { cursor: pointer; }
  a { color: var(--accent); }
  h2 { font-size: 1.15em; }
  h3, h4 { font-size: 1em; font-weight: 500; }
  ul { padding: 0; list-style: none; }
  svg { width: 1.5em; height: 1.5em; fill: none; stroke: currentColor; stroke-width: 1.8; stroke-linecap: round; stroke-linejoin: round; }
  :focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
  .aside { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
  .soft, .body { color: var(--soft); }
  .small { font-size: 0.85em; }
  .icon { min-width: 1.5rem; font-size: 1.3em; line-height: 1.5rem; text-align: center; }
  .plain { padding: 0.35em 0.6em; border: 0; border-radius: 8px; background: none; color: var(--accent); }
  .plain:hover { background: var(--tint); }
  .plain[aria-disabled="true"] { color: var(--soft); background: none; cursor: default; }
  .round { display: grid; place-items: center; flex: none; padding: 0; border: 0; border-radius: 8px; background: none; color: var(--soft); width: 2rem; height: 2rem; }
  .round:hover { background: var(--tint); }
  @media (prefers-reduced-motion: reduce) { * { animation: none !important; scroll-behavior: auto !important; } }
`;

export const list = css`
  .chips { display: flex; flex-wrap: wrap; gap: 0.4rem; }
  .chip { padding: 0.25em 0.8em; border: 1px solid var(--line); border-radius: 2em; background: none; font-size: 0.85em; }
  .chip:hover { background: var(--tint); }
  .chip[aria-pressed="true"] { border-color: var(--accent); background: var(--accent); color: var(--on-accent); }
  .top, .bottom { height: 1px; margin-bottom: -1px; }
  .pill { position: sticky; top: 0.5rem; z-index: 1; display: block; width: fit-content; height: 2rem; margin: 0 auto -2rem; padding: 0 1em;
    border: 0; border-radius: 1rem; background: var(--accent); color: var(--on-accent); font-size: 0.85em; box-shadow: var(--shadow); }
  article { outline: none; }
  article:focus-visible .row { outline: 3px solid var(--accent); outline-offset: -3px; }
  .day { padding: 0.6rem 1rem 0.3rem; font-size: 0.85em; font-weight: 600; color: var(--soft); }
  .day::first-letter { text-transform: uppercase; }
  .row { position: relative; display: grid; grid-template-columns: auto minmax(0, 1fr); column-gap: 0.75rem; padding: 0.75rem 1rem 0.75rem 1.9rem;
    border-bottom: 1px solid var(--line); }
  .unread { background: var(--tint); cursor: pointer; }
  .unread h4 { font-weight: 700; }
  .mark { position: absolute; left: 0.2rem; top: 0.6rem; width: 1.6rem; height: 1.75rem; padding: 0; border: 0; border-radius: 8px;
    background: radial-gradient(circle, var(--accent) 0.28rem, transparent 0.31rem); }
  .head { display: flex; flex-wrap: wrap; justify-content: space-between; column-gap: 1rem; }
  .amount { margin-left: auto; font-weight: 600; text-align: right; font-variant-numeric: tabular-nums; }
  .gain { color: var(--gain); }
  .loss { color: var(--loss); }
  .note { padding: 2rem 1rem; text-align: center; color: var(--soft); }
`;
