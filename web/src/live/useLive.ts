// SPDX-License-Identifier: Apache-2.0
// Reads a part of the store; the component is drawn again only when that part changes.
import { useSyncExternalStore } from "react";
import { store, type LiveState } from "./store";

export function useLive<T>(pick: (state: LiveState) => T): T {
    return useSyncExternalStore(store.subscribe, () => pick(store.get()));
}
