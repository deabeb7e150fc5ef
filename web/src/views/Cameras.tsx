// SPDX-License-Identifier: Apache-2.0
// The live cameras as they are set up: state, picture, and what can be done with each.
import { useState } from "react";
import { ApiError, change } from "../api/client";
import type { Camera, Live, Source, SourcePage } from "../api/types";
import { stateOf } from "../live/sources";
import { useRequest } from "../live/useRequest";
import { Dialog } from "../widgets/Dialog";
import { Empty, ErrorCard, Skeleton } from "../widgets/States";
import { Age } from "../widgets/Time";
import { number } from "../widgets/words";
import { CameraTile } from "./CameraTile";
import { SourceForm } from "./SourceForm";
import { GradeMark } from "./System";

const READ_EVERY_MS = 3000;

function LastError({ live }: { live: Live }) {
    if (live.last_error === null) return null;
    return (
        <>
            <dt>Last error</dt>
            <dd>
                {live.last_error}
                {live.last_error_at !== null && (
                    <>
                        , <Age at={live.last_error_at} />
                    </>
                )}
            </dd>
        </>
    );
}

function Numbers({ source }: { source: Source }) {
    const live = source.live;
    const { detect_url, url } = source.entry;
    return (
        <dl className="numbers">
            <dt>Address</dt>
            <dd className="address">{detect_url || url || "a file of this machine"}</dd>
            {live && (
                <>
                    <dt>Pictures</dt>
                    <dd>{live.width > 0 ? `${number(live.fps, 1)} per second, ${live.width}\u00a0×\u00a0${live.height}` : "none yet"}</dd>
                    <dt>Looked at / still / dropped</dt>
                    <dd>
                        {number(live.frames_inferred)} / {number(live.frames_still)} / {number(live.frames_dropped)}
                    </dd>
                    {live.packets_lost > 0 && (
                        <>
                            <dt>Packets lost</dt>
                            <dd>{number(live.packets_lost)}</dd>
                        </>
                    )}
                    <dt>Reconnects</dt>
                    <dd>{number(live.restarts)}</dd>
                    <LastError live={live} />
                </>
            )}
        </dl>
    );
}

function Removal({ source, onKeep, onRemove }: { source: Source; onKeep: () => void; onRemove: () => void }) {
    return (
        <Dialog title={`Remove ${source.entry.name || source.id}?`} onClose={onKeep}>
            <p>Its address and password are forgotten. What it saw stays: events, detections and their pictures.</p>
            <div className="buttons">
                <button type="button" onClick={onKeep}>
                    Keep it
                </button>
                <button type="button" className="danger" onClick={onRemove}>
                    Remove
                </button>
            </div>
        </Dialog>
    );
}

function useActions(source: Source, after: () => void) {
    const [error, setError] = useState<ApiError | null>(null);
    const [busy, setBusy] = useState(false);
    const path = `/api/sources/${encodeURIComponent(source.id)}`;
    const run = async (method: "POST" | "DELETE", what: string) => {
        setBusy(true);
        try {
            await change(method, path + what);
            setError(null);
        } catch (cause) {
            if (!(cause instanceof ApiError)) throw cause;
            setError(cause);
        } finally {
            setBusy(false);
            after();
        }
    };
    return { error, busy, run };
}

function SourceCard({ source, camera, after }: { source: Source; camera: Camera | undefined; after: () => void }) {
    const { error, busy, run } = useActions(source, after);
    const [dialog, setDialog] = useState<"" | "edit" | "remove">("");
    const state = stateOf(source);
    return (
        <article className="card source" data-source={source.id} aria-label={`Camera ${source.entry.name || source.id}`}>
            <h3>
                <GradeMark grade={state.grade} /> {source.entry.name || source.id} <span className="small">{state.word}</span>
            </h3>
            {state.why && <p className="trouble">{state.why}</p>}
            {camera && <CameraTile camera={camera} />}
            <Numbers source={source} />
            <div className="buttons">
                <button type="button" className="toggle" disabled={busy} onClick={() => void run("POST", source.paused ? "/resume" : "/pause")}>
                    {source.paused ? "Resume" : "Pause"}
                </button>
                {source.configured ? (
                    <p className="small">Set up in the configuration file: change it there.</p>
                ) : (
                    <>
                        <button type="button" className="toggle" disabled={busy} onClick={() => setDialog("edit")}>
                            Change …
                        </button>
                        <button type="button" className="danger" disabled={busy} onClick={() => setDialog("remove")}>
                            Remove …
                        </button>
                    </>
                )}
            </div>
            {error && <ErrorCard error={error} />}
            {dialog === "edit" && (
                <SourceForm
                    source={source}
                    onClose={() => setDialog("")}
                    onSaved={() => {
                        setDialog("");
                        after();
                    }}
                />
            )}
            {dialog === "remove" && (
                <Removal
                    source={source}
                    onKeep={() => setDialog("")}
                    onRemove={() => {
                        setDialog("");
                        void run("DELETE", "");
                    }}
                />
            )}
        </article>
    );
}

export function Cameras({ cameras, reloadCameras }: { cameras: readonly Camera[]; reloadCameras: () => void }) {
    const { data, error, reload } = useRequest<SourcePage>("/api/sources", { everyMs: READ_EVERY_MS });
    const [adding, setAdding] = useState(false);
    const byId = new Map(cameras.map((camera) => [camera.id, camera]));
    const after = () => {
        reload();
        reloadCameras();
    };
    return (
        <section className="system" aria-labelledby="sources-title">
            <header className="title-line">
                <h2 id="sources-title">Live cameras</h2>
                <button type="button" onClick={() => setAdding(true)}>
                    Add a camera …
                </button>
            </header>
            {data === null && error === null && <Skeleton rows={3} label="Reading the cameras" />}
            {error && <ErrorCard error={error} onRetry={reload} />}
            {data !== null && data.items.length === 0 && (
                <Empty title="No live camera yet">
                    <p>Add one by its RTSP address, or let a camera upload pictures into a folder of cameras/.</p>
                </Empty>
            )}
            <div className="cards wide">
                {data?.items.map((source) => <SourceCard key={source.id} source={source} camera={byId.get(source.id)} after={after} />)}
            </div>
            {adding && (
                <SourceForm
                    source={null}
                    onClose={() => setAdding(false)}
                    onSaved={() => {
                        setAdding(false);
                        after();
                    }}
                />
            )}
        </section>
    );
}
