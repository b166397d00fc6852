/** Panel and history, which come after what a page shows at once; null where they cannot be had, as offline: ask again. */
export const lists = () => import('./lists.js').catch(() => null);
