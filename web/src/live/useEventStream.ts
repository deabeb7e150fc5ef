// SPDX-License-Identifier: Apache-2.0
// The newest events, as they come; the channel fills the store once, whoever looks.
import { useEffect } from "react";
import { get, listPath } from "../api/client";
import type { EventPage } from "../api/types";
import { FEED_LIMIT, store } from "./store";
import { useLive } from "./useLive";
import { useWebSocket } from "./useWebSocket";

async function readFeed(): Promise<void> {
    try {
        const page = await get<EventPage>(listPath("/api/events", { limit: FEED_LIMIT, total: "false" }));
        store.addEvents(page.items);
    } catch {
        // The banner or the key dialog says why; the next gap or reconnect reads again.
    }
}

// Once, at the root of the page.
export function useEventChannel(): void {
    const { isConnected } = useWebSocket("/ws/events", {
        onMessage: (message) => store.receive(message),
        onState: (events) => store.set({ events }),
        onGap: () => {
            store.set({ gaps: store.get().gaps + 1 });
            void readFeed();
        },
    });
    // The first list is read when messages already come: nothing falls between the two.
    useEffect(() => {
        if (isConnected && !store.get().feedLoaded) void readFeed();
    }, [isConnected]);
}

export function useEventStream() {
    const isConnected = useLive((state) => state.events.phase === "open");
    const events = useLive((state) => state.feed);
    const isLoaded = useLive((state) => state.feedLoaded);
    return { isConnected, events, isLoaded };
}
