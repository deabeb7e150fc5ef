// SPDX-License-Identifier: Apache-2.0
// The state of the program, told every few seconds while somebody looks.
import { store } from "./store";
import { useLive } from "./useLive";
import { useWebSocket } from "./useWebSocket";

// Once, at the root of the page.
export function useSystemChannel(): void {
    useWebSocket("/ws/system", {
        onMessage: (message) => store.receive(message),
        onState: (system) => store.set({ system }),
    });
}

export function useSystemStatus() {
    const isConnected = useLive((state) => state.system.phase === "open");
    const status = useLive((state) => state.status);
    const at = useLive((state) => state.statusAt);
    return { isConnected, status, at };
}
