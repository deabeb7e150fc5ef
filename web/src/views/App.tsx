// SPDX-License-Identifier: Apache-2.0
// The frame: rail, banner, the view of the address, the event beside it.
import { useEffect, useState } from "react";
import { apiKey, onKeyNeeded, setApiKey } from "../api/client";
import { verdictOf } from "../live/health";
import { formatRoute, navigate, emptyRoute, useRoute, type ViewName } from "../live/route";
import { useCameras } from "../live/useCameras";
import { useEventChannel } from "../live/useEventStream";
import { useKeys } from "../live/useKeys";
import { useLive } from "../live/useLive";
import { useSystemChannel } from "../live/useSystemStatus";
import { retryConnections } from "../live/useWebSocket";
import { Dialog } from "../widgets/Dialog";
import { Banner } from "./Banner";
import { Cameras } from "./Cameras";
import { Displays } from "./Displays";
import { EventDetail } from "./EventDetail";
import { Events } from "./Events";
import { Help } from "./Help";
import { Live } from "./Live";
import { GradeMark, System } from "./System";

const views: { name: ViewName; label: string; icon: string }[] = [
    { name: "live", label: "Live", icon: "M4 6h12v9H4zM16 9l4-2v7l-4-2" },
    { name: "events", label: "Events", icon: "M5 6h14M5 11h14M5 16h9" },
    { name: "cameras", label: "Cameras", icon: "M4 8h4l2-3h4l2 3h4v10H4zM12 10a3 3 0 1 0 .1 0" },
    { name: "system", label: "System", icon: "M4 16l4-6 4 4 4-8 4 10" },
];

function Rail({ view }: { view: ViewName }) {
    return (
        <nav className="rail" aria-label="Views">
            {views.map(({ name, label, icon }) => (
                <a
                    key={name}
                    href={formatRoute({ ...emptyRoute, view: name })}
                    aria-current={view === name ? "page" : undefined}
                    onClick={(event) => {
                        if (event.metaKey || event.ctrlKey || event.shiftKey) return;
                        event.preventDefault();
                        navigate({ ...emptyRoute, view: name });
                    }}
                >
                    <svg viewBox="0 0 24 22" aria-hidden="true">
                        <path d={icon} />
                    </svg>
                    {label}
                </a>
            ))}
        </nav>
    );
}

function Head({ onHelp }: { onHelp: () => void }) {
    const status = useLive((state) => state.status);
    const connection = useLive((state) => state.system);
    const changes = useLive((state) => state.serviceChanges);
    const verdict = verdictOf(status, connection, changes);
    return (
        <header className="head">
            <h1>Nightjar</h1>
            <a
                className="head-verdict"
                href="/?view=system"
                onClick={(event) => {
                    event.preventDefault();
                    navigate({ ...emptyRoute, view: "system" });
                }}
            >
                <GradeMark grade={verdict.grade} />
                <span>{verdict.words}</span>
            </a>
            <button type="button" className="quiet" onClick={onHelp} aria-label="Help: keys of this page">
                ?
            </button>
        </header>
    );
}

function KeyDialog({ onDone }: { onDone: () => void }) {
    const [key, setKey] = useState("");
    return (
        <Dialog title="An API key is needed" onClose={onDone}>
            <form
                onSubmit={(event) => {
                    event.preventDefault();
                    setApiKey(key.trim());
                    retryConnections();
                    onDone();
                }}
            >
                <p>This instance answers only with a key. It is kept for this tab and forgotten when the tab is closed.</p>
                {apiKey() !== "" && <p role="alert">The key of before did not fit.</p>}
                <label>
                    <span>API key</span>
                    <input type="password" value={key} autoComplete="off" autoFocus onChange={(event) => setKey(event.target.value)} />
                </label>
                <div className="buttons">
                    <button type="submit" disabled={key.trim() === ""}>
                        Use this key
                    </button>
                </div>
            </form>
        </Dialog>
    );
}

// A new event is said, not only shown.
function Announcer({ nameOf }: { nameOf: (id: string) => string }) {
    const newest = useLive((state) => state.newest);
    return (
        <p className="hidden" role="log" aria-live="polite" aria-label="New events">
            {newest && `${newest.risk_level} risk ${newest.risk_score}: ${newest.summary}, ${nameOf(newest.camera_id)}`}
        </p>
    );
}

function useTitle(view: ViewName) {
    const offline = useLive((state) => state.events.phase !== "open");
    useEffect(() => {
        const label = views.find((one) => one.name === view)?.label ?? "";
        document.title = `${offline ? "○ " : ""}${label} – Nightjar`;
    }, [view, offline]);
}

export function App({ onKey }: { onKey: () => void }) {
    useEventChannel();
    useSystemChannel();
    const route = useRoute();
    const cameras = useCameras();
    const [helping, setHelping] = useState(false);
    const [keyNeeded, setKeyNeeded] = useState(false);
    useEffect(() => onKeyNeeded((needed) => setKeyNeeded(needed)), []);
    useKeys(() => setHelping((open) => !open));
    useTitle(route.view);
    return (
        <>
            <a className="skip" href="#main">
                Skip to the content
            </a>
            <Head onHelp={() => setHelping(true)} />
            <Banner />
            <div className={route.event === null ? "body" : "body with-detail"}>
                <Rail view={route.view} />
                <main id="main" tabIndex={-1}>
                    {route.view === "live" && <Live cameras={cameras} />}
                    {route.view === "events" && <Events cameras={cameras.cameras ?? []} nameOf={cameras.nameOf} />}
                    {route.view === "cameras" && (
                        <>
                            <Cameras cameras={cameras.cameras ?? []} reloadCameras={cameras.reload} />
                            <Displays />
                        </>
                    )}
                    {route.view === "system" && <System />}
                </main>
                {route.event !== null && <EventDetail id={route.event} nameOf={cameras.nameOf} />}
            </div>
            <Announcer nameOf={cameras.nameOf} />
            {helping && <Help onClose={() => setHelping(false)} />}
            {keyNeeded && (
                <KeyDialog
                    onDone={() => {
                        setKeyNeeded(false);
                        onKey();
                    }}
                />
            )}
        </>
    );
}
