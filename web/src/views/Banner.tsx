// SPDX-License-Identifier: Apache-2.0
// Says that the page is cut off, since when, and when it tries again.
import { useEffect, useState } from "react";
import { useLive } from "../live/useLive";
import { useNow } from "../live/useNow";
import { retryConnections } from "../live/useWebSocket";
import { clockTime } from "../widgets/words";

// A blink of the connection is not worth a banner.
const PATIENCE_MS = 400;

export function Banner() {
    const connection = useLive((state) => state.events);
    const now = useNow();
    const away = connection.phase === "waiting" || connection.phase === "refused" || (connection.phase === "connecting" && connection.attempt > 1);
    const [since, setSince] = useState<number | null>(null);
    const [patient, setPatient] = useState(true);
    useEffect(() => {
        if (!away) {
            setSince(null);
            setPatient(true);
            return undefined;
        }
        setSince((old) => old ?? Date.now());
        const timer = setTimeout(() => setPatient(false), PATIENCE_MS);
        return () => clearTimeout(timer);
    }, [away]);
    if (!away || patient || since === null) return <div className="banner-place" role="status" />;
    const seconds = connection.phase === "waiting" ? Math.max(0, Math.ceil((connection.retryAt - Math.max(now, Date.now())) / 1000)) : 0;
    return (
        <div className="banner" role="status">
            <p>
                <strong>Offline</strong> since {clockTime(new Date(since).toISOString())}
                {"reason" in connection && `: ${connection.reason}`}. What you see is the state of before.{" "}
                <span aria-hidden="true">{connection.phase === "waiting" ? `Next try in ${seconds} s.` : connection.phase === "connecting" ? "Trying …" : ""}</span>
            </p>
            <button type="button" onClick={retryConnections}>
                Try now
            </button>
        </div>
    );
}
