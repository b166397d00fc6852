/** Everything that shows lists, to be loaded after what a page shows at once. */

export { Panel } from './panel.js';
export { HistoryView } from './view.js';
