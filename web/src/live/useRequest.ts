// SPDX-License-Identifier: Apache-2.0
// Reads from the API and keeps the old answer on the screen while a newer one is on its way.
import { useCallback, useEffect, useState } from "react";
import { ApiError, get } from "../api/client";

export interface Answer<T> {
    data: T | null;
    error: ApiError | null;
    at: number; // when data came, milliseconds
}

export interface RequestOptions {
    everyMs?: number; // ask again, while the page is looked at
    read?: (path: string, signal: AbortSignal) => Promise<unknown>;
    again?: unknown; // asks anew when it changes
}

export function useRequest<T>(path: string | null, options: RequestOptions = {}) {
    const [answer, setAnswer] = useState<Answer<T> & { path: string | null }>({
        data: null,
        error: null,
        at: 0,
        path: null,
    });
    const [count, setCount] = useState(0);
    const { everyMs, read, again } = options;
    useEffect(() => {
        if (path === null) return undefined;
        const abort = new AbortController();
        let timer: ReturnType<typeof setTimeout> | undefined;
        const ask = async (): Promise<void> => {
            if (!document.hidden || everyMs === undefined) {
                try {
                    const data = (await (read ?? get)(path, abort.signal)) as T;
                    if (abort.signal.aborted) return;
                    setAnswer({ data, error: null, at: Date.now(), path });
                } catch (cause) {
                    if (abort.signal.aborted) return;
                    const error =
                        cause instanceof ApiError ? cause : new ApiError(0, "No answer", String(cause), path);
                    setAnswer((old) => ({ ...old, data: old.path === path ? old.data : null, error, path }));
                }
            }
            if (everyMs !== undefined && !abort.signal.aborted) timer = setTimeout(() => void ask(), everyMs);
        };
        void ask();
        return () => {
            abort.abort();
            clearTimeout(timer);
        };
    }, [path, everyMs, read, again, count]);
    const reload = useCallback(() => setCount((n) => n + 1), []);
    const put = useCallback((data: T) => setAnswer((old) => ({ ...old, data, error: null, at: Date.now() })), []);
    const current = answer.path === path;
    return {
        data: current ? answer.data : null,
        error: current ? answer.error : null,
        at: answer.at,
        reload,
        put,
    };
}
