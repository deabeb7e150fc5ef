// SPDX-License-Identifier: Apache-2.0
// The cameras: read again and again, for pictures that nobody tells of, and when somebody new is heard of.
import { useCallback, useMemo } from "react";
import type { CameraPage } from "../api/types";
import { useLive } from "./useLive";
import { useRequest } from "./useRequest";

const READ_EVERY_MS = 5000;

export function useCameras() {
    const heard = useLive((state) => Object.keys(state.activity).length + Object.keys(state.cameraChanges).length);
    const gaps = useLive((state) => state.gaps);
    const connected = useLive((state) => state.events.phase === "open");
    const { data, error, reload } = useRequest<CameraPage>("/api/cameras", {
        everyMs: READ_EVERY_MS,
        again: `${heard} ${gaps} ${connected}`,
    });
    const cameras = data?.items ?? null;
    const names = useMemo(() => new Map((cameras ?? []).map((one) => [one.id, one.name || one.id])), [cameras]);
    const nameOf = useCallback((id: string) => names.get(id) ?? id, [names]);
    return { cameras, error, reload, nameOf };
}
