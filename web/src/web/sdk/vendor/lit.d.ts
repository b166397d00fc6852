/** What the elements use of Lit: its templates. `make vendor` bundles lit.js out of this list. */

export { html, nothing, render } from 'lit-html';
