/** What lists of notifications look like, in panel and history alike. */

import { sheet } from './styles.js';

export const list = sheet(`
  :host {
    --on-accent: var(--ledgerbell-on-accent, light-dark(#fff, #0e1424));
    --loss: var(--ledgerbell-loss, light-dark(#a8281e, #ff9b8f));
  }
  h2 { font-size: 1.15em; }
  h3, h4 { font-size: 1em; font-weight: 500; }
  .plain[aria-disabled=true] { color: var(--soft); background: none; cursor: default; }
  .chips { display: flex; flex-wrap: wrap; gap: .4rem; }
  .chip { padding: .25em .8em; border: 1px solid var(--line); border-radius: 2em; font-size: .85em; }
  .chip[aria-pressed=true], .pill { border-color: var(--accent); background: var(--accent); color: var(--on-accent); }
  .top, .bottom { height: 1px; margin-bottom: -1px; }
  .pill { position: sticky; top: .5rem; z-index: 1; display: block; width: fit-content; height: 2rem; margin: 0 auto -2rem; padding: 0 1em;
    border-radius: 1rem; font-size: .85em; box-shadow: var(--shadow); }
  article { outline: none; }
  article:focus-visible .row { outline: 3px solid var(--accent); outline-offset: -3px; }
  .day { padding: .6rem 1rem .3rem; font-size: .85em; font-weight: 600; }
  .day::first-letter { text-transform: uppercase; }
  .row { position: relative; display: grid; grid-template-columns: auto minmax(0, 1fr); column-gap: .75rem; padding: .75rem 1rem .75rem 1.9rem;
    border-bottom: 1px solid var(--line); }
  .unread { background: var(--tint); cursor: pointer; }
  .unread h4 { font-weight: 700; }
  .mark, .mark:hover { position: absolute; left: .2rem; top: .6rem; width: 1.6rem; height: 1.75rem;
    background: radial-gradient(circle, var(--accent) .28rem, transparent .31rem); }
  .head { display: flex; flex-wrap: wrap; justify-content: space-between; column-gap: 1rem; }
  .amount { margin-left: auto; font-weight: 600; text-align: right; font-variant-numeric: tabular-nums; }
  .gain { color: var(--gain); }
  .loss { color: var(--loss); }
  .note { padding: 2rem 1rem; text-align: center; color: var(--soft); }
`);
