// SPDX-License-Identifier: Apache-2.0
// A list of any length with the few rows in the page that can be seen.
import { useEffect, useLayoutEffect, useRef, useState, type ReactNode } from "react";
import { visibleRows } from "./window";

export interface LongListProps<T> {
    items: readonly T[];
    rowHeight: number;
    label: string;
    row: (item: T, index: number) => ReactNode;
    keyOf: (item: T) => string | number;
    onNearEnd?: () => void;
    end?: ReactNode;
}

export function LongList<T>({ items, rowHeight, label, row, keyOf, onNearEnd, end }: LongListProps<T>) {
    const box = useRef<HTMLDivElement>(null);
    const [place, setPlace] = useState({ top: 0, height: 800 });
    useLayoutEffect(() => {
        const element = box.current;
        if (element === null) return undefined;
        const measure = () => setPlace({ top: element.scrollTop, height: element.clientHeight });
        measure();
        element.addEventListener("scroll", measure, { passive: true });
        const observer = new ResizeObserver(measure);
        observer.observe(element);
        return () => {
            element.removeEventListener("scroll", measure);
            observer.disconnect();
        };
    }, []);
    const { first, last } = visibleRows(place.top, place.height, rowHeight, items.length);
    const nearEnd = last >= items.length;
    useEffect(() => {
        if (nearEnd && items.length > 0) onNearEnd?.();
    }, [nearEnd, items.length, onNearEnd]);
    return (
        <div className="long-list" ref={box} tabIndex={-1}>
            <ul aria-label={label} style={{ height: items.length * rowHeight }}>
                {items.slice(first, last).map((item, offset) => (
                    <li
                        key={keyOf(item)}
                        aria-setsize={items.length}
                        aria-posinset={first + offset + 1}
                        style={{ transform: `translateY(${(first + offset) * rowHeight}px)`, height: rowHeight }}
                    >
                        {row(item, first + offset)}
                    </li>
                ))}
            </ul>
            {end}
        </div>
    );
}
