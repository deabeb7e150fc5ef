// SPDX-License-Identifier: Apache-2.0
// One clock for all ages on the page: a beat a second, none while nobody looks.
import { useSyncExternalStore } from "react";

let now = Date.now();
const listeners = new Set<() => void>();
let timer: ReturnType<typeof setInterval> | null = null;

function beat(): void {
    if (document.hidden) return;
    now = Date.now();
    for (const listener of listeners) listener();
}

function subscribe(listener: () => void): () => void {
    listeners.add(listener);
    if (timer === null) {
        now = Date.now();
        timer = setInterval(beat, 1000);
        document.addEventListener("visibilitychange", beat);
    }
    return () => {
        listeners.delete(listener);
        if (listeners.size > 0 || timer === null) return;
        clearInterval(timer);
        timer = null;
        document.removeEventListener("visibilitychange", beat);
    };
}

export function useNow(): number {
    return useSyncExternalStore(subscribe, () => now);
}
