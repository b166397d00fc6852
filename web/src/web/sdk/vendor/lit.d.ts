/** What the elements use of Lit. `make vendor` bundles lit.js out of this list. */

export { css, html, LitElement, nothing, render } from 'lit';
export type { PropertyDeclarations, PropertyValues, TemplateResult } from 'lit';
