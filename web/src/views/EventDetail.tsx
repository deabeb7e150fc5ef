// SPDX-License-Identifier: Apache-2.0
// One event: its pictures, why the score, who said so, and what a person thinks of it.
import { useEffect, useMemo, useRef, useState } from "react";
import { ApiError, change } from "../api/client";
import type { Detection, Event, EventDetail as EventWhole } from "../api/types";
import { boxLabel, detectionBoxes, shotsOf, type Shot } from "../live/camera";
import { navigate } from "../live/route";
import { store } from "../live/store";
import { useLive } from "../live/useLive";
import { useRequest } from "../live/useRequest";
import { Picture } from "../widgets/Picture";
import { Risk } from "../widgets/Risk";
import { Copy, Empty, ErrorCard, Skeleton } from "../widgets/States";
import { Time } from "../widgets/Time";
import { clockTime, count, duration } from "../widgets/words";

const analysers: Record<string, string> = {
    llm: "A language model read the batch.",
    rules: "The embedded rules scored the batch.",
    rules_fallback: "The embedded rules scored the batch, because the language model was away.",
};

function ShotView({ shot, cameraName }: { shot: Shot; cameraName: string }) {
    const { best } = shot;
    const what = shot.detections.map((one) => boxLabel(one.object_type, one.confidence, one.track_id)).join(", ");
    return (
        <figure className="shot" tabIndex={0} aria-label={`${cameraName}, ${clockTime(best.detected_at)}: ${what}. Focus shows the boxes.`}>
            <Picture
                src={best.image_url}
                alt={`${cameraName}: ${what}`}
                width={best.picture_width}
                height={best.picture_height}
                boxes={detectionBoxes(shot.detections)}
            />
            <figcaption>
                {what} · <Time at={best.detected_at} />
                {best.video_offset_ms > 0 && ` · ${duration(best.video_offset_ms)} into the clip`}
            </figcaption>
        </figure>
    );
}

function Pictures({ event, detections, cameraName }: { event: Event; detections: readonly Detection[]; cameraName: string }) {
    const shots = useMemo(() => shotsOf(detections), [detections]);
    const [chosen, setChosen] = useState<string | null>(null);
    const best = shots.find((shot) => shot.detections.some((one) => one.id === event.best_detection_id));
    const shown = shots.find((shot) => shot.key === chosen) ?? best ?? shots[0];
    if (shown === undefined) return <Empty title="No picture is left of this event" />;
    return (
        <section aria-label="Pictures">
            <ShotView shot={shown} cameraName={cameraName} />
            {shots.length > 1 && (
                <ul className="strip" aria-label={count(shots.length, "picture")}>
                    {shots.map((shot) => (
                        <li key={shot.key}>
                            <button type="button" aria-pressed={shot === shown} onClick={() => setChosen(shot.key)}>
                                <Picture src={shot.best.thumbnail_url} alt={`${shot.best.object_type} at ${clockTime(shot.best.detected_at)}`} lazy />
                            </button>
                        </li>
                    ))}
                </ul>
            )}
        </section>
    );
}

function Score({ event }: { event: Event }) {
    return (
        <section aria-labelledby="why-title">
            <h3 id="why-title">Why this score</h3>
            <p className="reasoning">{event.reasoning}</p>
            {event.breakdown.length > 0 && (
                <table className="parts">
                    <caption className="hidden">What the score is made of</caption>
                    <tbody>
                        {event.breakdown.map((part, index) => (
                            <tr key={index}>
                                <th scope="row">{part.what}</th>
                                <td>{part.points > 0 ? `+${part.points}` : part.points}</td>
                            </tr>
                        ))}
                        <tr className="sum">
                            <th scope="row">Score</th>
                            <td>{event.risk_score}</td>
                        </tr>
                    </tbody>
                </table>
            )}
            <p className="who">{analysers[event.analyser] ?? `Made by ${event.analyser}.`}</p>
        </section>
    );
}

function Timeline({ event }: { event: Event }) {
    const lasted = Date.parse(event.ended_at ?? event.started_at) - Date.parse(event.started_at);
    return (
        <section aria-labelledby="batch-title">
            <h3 id="batch-title">The batch</h3>
            <dl className="facts">
                <dt>Began</dt>
                <dd>
                    <Time at={event.started_at} />
                </dd>
                <dt>Ended</dt>
                <dd>
                    <Time at={event.ended_at ?? event.started_at} /> ({lasted > 0 ? `after ${duration(lasted)}` : "at once"})
                </dd>
                <dt>Event made</dt>
                <dd>
                    <Time at={event.created_at} /> {event.is_fast_path && "by the fast path"}
                </dd>
                <dt>Seen</dt>
                <dd>
                    {event.object_types.split(",").join(", ")} in {count(event.detection_count, "detection")}
                </dd>
                <dt>Batch</dt>
                <dd>
                    <Copy text={event.batch_id} />
                </dd>
            </dl>
        </section>
    );
}

function Review({ event, onChanged }: { event: Event; onChanged: (event: Event) => void }) {
    const [notes, setNotes] = useState(event.notes);
    const [error, setError] = useState<ApiError | null>(null);
    const [said, setSaid] = useState("");
    useEffect(() => setNotes(event.notes), [event.id, event.notes]);
    const save = async (body: { reviewed?: boolean; notes?: string }, done: string) => {
        try {
            onChanged(await change<Event>("PATCH", `/api/events/${event.id}`, body, event.version));
            setError(null);
            setSaid(done);
        } catch (cause) {
            if (cause instanceof ApiError) setError(cause);
        }
    };
    return (
        <section aria-labelledby="review-title" className="review">
            <h3 id="review-title">Review</h3>
            <button
                type="button"
                className={event.reviewed ? "toggle on" : "toggle"}
                aria-pressed={event.reviewed}
                data-review=""
                onClick={() => void save({ reviewed: !event.reviewed }, event.reviewed ? "Marked as not reviewed" : "Marked as reviewed")}
            >
                {event.reviewed ? "✓ Reviewed" : "Mark as reviewed"}
            </button>
            <label>
                <span>Notes</span>
                <textarea value={notes} rows={3} maxLength={4000} onChange={(typed) => setNotes(typed.target.value)} />
            </label>
            {notes !== event.notes && (
                <button type="button" onClick={() => void save({ notes }, "Notes saved")}>
                    Save notes
                </button>
            )}
            <p role="status">{said}</p>
            {error && <ErrorCard error={error} />}
        </section>
    );
}

function Neighbours({ event }: { event: EventWhole }) {
    return (
        <nav className="neighbours" aria-label="Neighbouring events">
            <button type="button" disabled={!event.newer_id} data-newer="" onClick={() => navigate({ event: event.newer_id ?? null })}>
                Newer
            </button>
            <button type="button" disabled={!event.older_id} data-older="" onClick={() => navigate({ event: event.older_id ?? null })}>
                Older
            </button>
        </nav>
    );
}

export function EventDetail({ id, nameOf }: { id: number; nameOf: (camera: string) => string }) {
    const { data, error, reload, put } = useRequest<EventWhole>(`/api/events/${id}`);
    const told = useLive((state) => state.feed.find((one) => one.id === id));
    const heading = useRef<HTMLHeadingElement>(null);
    useEffect(() => heading.current?.focus(), [id]);
    const event = data && told && told.version > data.version ? { ...data, ...told } : data;
    const changed = (newer: Event) => {
        if (data) put({ ...data, ...newer });
        store.receive({ type: "event.updated", data: newer });
    };
    return (
        <aside className="detail" aria-label="Event">
            <header>
                <h2 ref={heading} tabIndex={-1}>
                    {event ? event.summary : `Event ${id}`}
                </h2>
                <button type="button" className="quiet" data-close="" onClick={() => navigate({ event: null })}>
                    Close
                </button>
            </header>
            {error && <ErrorCard error={error} onRetry={reload} />}
            {!event && !error && <Skeleton rows={6} label="Reading the event" />}
            {event && (
                <>
                    <p className="detail-head">
                        <Risk level={event.risk_level} score={event.risk_score} /> {nameOf(event.camera_id)} · <Time at={event.started_at} />
                    </p>
                    <Pictures key={event.id} event={event} detections={event.detections} cameraName={nameOf(event.camera_id)} />
                    <Score event={event} />
                    <Review event={event} onChanged={changed} />
                    <Timeline event={event} />
                    <Neighbours event={event} />
                </>
            )}
        </aside>
    );
}
