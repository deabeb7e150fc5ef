// SPDX-License-Identifier: Apache-2.0
// Which rows of a long list have to be in the page.

export interface Rows {
    first: number;
    last: number; // not included
}

export function visibleRows(scrollTop: number, viewHeight: number, rowHeight: number, count: number, spare = 8): Rows {
    if (count <= 0 || rowHeight <= 0) return { first: 0, last: 0 };
    const first = Math.max(0, Math.floor(scrollTop / rowHeight) - spare);
    const last = Math.min(count, Math.ceil((scrollTop + viewHeight) / rowHeight) + spare);
    return { first: Math.min(first, count), last: Math.max(last, Math.min(first, count)) };
}
