// SPDX-License-Identifier: Apache-2.0
// The page by keyboard. Keys of a field or a dialog stay theirs.
import { useEffect, useRef } from "react";
import { emptyRoute, navigate, parseRoute } from "./route";

const SEARCH_WAIT_MS = 1000;

function isTyping(target: EventTarget | null): boolean {
    return target instanceof HTMLElement && target.closest("input, textarea, select, dialog, [contenteditable]") !== null;
}

// To the next entry; without one under the focus to the first.
function step(forward: boolean): void {
    const rows = [...document.querySelectorAll<HTMLElement>("main [data-row]")];
    if (rows.length === 0) return;
    const place = rows.findIndex((row) => row === document.activeElement || row.getAttribute("aria-current") === "true");
    const focused = rows.findIndex((row) => row === document.activeElement);
    const from = focused >= 0 ? focused : place;
    const next = from < 0 ? 0 : Math.min(Math.max(from + (forward ? 1 : -1), 0), rows.length - 1);
    rows[next]?.focus();
    rows[next]?.scrollIntoView({ block: "nearest" });
}

function focusSearch(): void {
    const find = () => document.querySelector<HTMLInputElement>("[data-search]");
    if (find() === null) navigate({ ...emptyRoute, view: "events" });
    const until = Date.now() + SEARCH_WAIT_MS;
    const attempt = () => {
        const field = find();
        if (field !== null) field.focus();
        else if (Date.now() < until) requestAnimationFrame(attempt);
    };
    attempt();
}

// The event that was open gets the focus back.
function closeEvent(): void {
    const { event } = parseRoute(location.search);
    if (event === null) return;
    navigate({ event: null });
    requestAnimationFrame(() => document.querySelector<HTMLElement>(`[data-event="${event}"]`)?.focus());
}

function press(selector: string): void {
    document.querySelector<HTMLButtonElement>(selector)?.click();
}

const actions: Record<string, () => void> = {
    "/": focusSearch,
    j: () => step(true),
    k: () => step(false),
    r: () => press("[data-review]"),
    n: () => press("[data-newer]"),
    p: () => press("[data-older]"),
    Escape: closeEvent,
};

export function useKeys(onHelp: () => void): void {
    const help = useRef(onHelp);
    help.current = onHelp;
    useEffect(() => {
        const onKey = (event: KeyboardEvent) => {
            if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
            if (isTyping(event.target)) {
                const field = event.target as HTMLElement;
                if (event.key === "Escape" && field.closest("dialog") === null) field.blur();
                return;
            }
            const action = event.key === "?" ? help.current : actions[event.key];
            if (action === undefined) return;
            event.preventDefault();
            action();
        };
        document.addEventListener("keydown", onKey);
        return () => document.removeEventListener("keydown", onKey);
    }, []);
}
