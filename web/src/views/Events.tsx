// SPDX-License-Identifier: Apache-2.0
// What happened: every event, filtered by the address, read page by page while one scrolls.
import { useCallback, useEffect, useRef, useState, type ReactNode } from "react";
import { ApiError, get, listPath } from "../api/client";
import type { Camera, Event, EventPage } from "../api/types";
import { emptyRoute, eventQuery, navigate, useRoute, type Route } from "../live/route";
import { mergeEvents } from "../live/store";
import { useLive } from "../live/useLive";
import { LongList } from "../widgets/LongList";
import { riskLevels } from "../widgets/risk";
import { Empty, ErrorCard, Skeleton } from "../widgets/States";
import { count, title } from "../widgets/words";
import { EventRow } from "./EventRow";

const PAGE_ROWS = 100;
const ROW_PX = 72;
const TYPING_MS = 250;

interface Loaded {
    query: string;
    items: Event[];
    total: number | null;
    cursor: string | null;
    more: boolean;
}

// Pages of the list for one set of filters; what comes late for older filters is dropped.
function useEventList(route: Route) {
    const query = JSON.stringify(eventQuery(route));
    const [loaded, setLoaded] = useState<Loaded | null>(null);
    const [error, setError] = useState<ApiError | null>(null);
    const [round, setRound] = useState(0);
    const busy = useRef<AbortController | null>(null);
    const read = useCallback(
        async (cursor: string | null) => {
            busy.current?.abort();
            const abort = new AbortController();
            busy.current = abort;
            try {
                const filters = JSON.parse(query) as Record<string, string>;
                const path = listPath("/api/events", { ...filters, limit: PAGE_ROWS, cursor: cursor ?? undefined });
                const page = await get<EventPage>(path, abort.signal);
                const { total, next_cursor, has_more } = page.pagination;
                setError(null);
                setLoaded((old) => ({
                    query,
                    items: cursor !== null && old?.query === query ? [...old.items, ...page.items] : page.items,
                    total: total ?? (old?.query === query ? old.total : null),
                    cursor: next_cursor ?? null,
                    more: has_more ?? Boolean(next_cursor),
                }));
            } catch (cause) {
                if (!abort.signal.aborted) setError(cause instanceof ApiError ? cause : new ApiError(0, "No answer", String(cause), "GET /api/events"));
            } finally {
                if (busy.current === abort) busy.current = null;
            }
        },
        [query],
    );
    useEffect(() => {
        void read(null);
        return () => busy.current?.abort();
    }, [read, round]);
    const readMore = useCallback(() => {
        if (loaded?.query === query && loaded.more && loaded.cursor !== null && busy.current === null) void read(loaded.cursor);
    }, [loaded, query, read]);
    const current = loaded?.query === query ? loaded : null;
    return { loaded: current, old: loaded, error, readMore, reload: () => setRound((n) => n + 1) };
}

// Events of the socket that this list has not shown: asked for, not pushed in.
function useUnseen(items: readonly Event[]): number {
    const feed = useLive((state) => state.feed);
    const top = items.reduce((highest, event) => Math.max(highest, event.id), 0);
    return items.length === 0 ? 0 : feed.filter((event) => event.id > top).length;
}

function Choice({ label, value, onChange, children }: { label: string; value: string; onChange: (value: string) => void; children: ReactNode }) {
    return (
        <label>
            <span>{label}</span>
            <select value={value} onChange={(event) => onChange(event.target.value)}>
                {children}
            </select>
        </label>
    );
}

// Typing changes the address when the hand rests.
function Search({ value }: { value: string }) {
    const [text, setText] = useState(value);
    useEffect(() => setText(value), [value]);
    useEffect(() => {
        if (text === value) return undefined;
        const timer = setTimeout(() => navigate({ q: text }, true), TYPING_MS);
        return () => clearTimeout(timer);
    }, [text, value]);
    return (
        <label className="search">
            <span>Search</span>
            <input type="search" value={text} placeholder="in summaries and reasoning" onChange={(event) => setText(event.target.value)} data-search="" />
        </label>
    );
}

function Filters({ route, cameras }: { route: Route; cameras: readonly Camera[] }) {
    const [objects] = useState(["person", "car", "truck", "bicycle", "motorcycle", "dog", "cat"]);
    const filtered = JSON.stringify({ ...route, event: null }) !== JSON.stringify({ ...emptyRoute, view: "events" });
    return (
        <form className="filters" role="search" aria-label="Filters of the list" onSubmit={(event) => event.preventDefault()}>
            <Search value={route.q} />
            <Choice label="Camera" value={route.camera} onChange={(camera) => navigate({ camera })}>
                <option value="">all</option>
                {cameras.map((camera) => (
                    <option key={camera.id} value={camera.id}>
                        {camera.name || camera.id}
                    </option>
                ))}
            </Choice>
            <Choice label="Risk" value={route.risk} onChange={(risk) => navigate({ risk })}>
                <option value="">any</option>
                {riskLevels.map((level) => (
                    <option key={level}>{level}</option>
                ))}
            </Choice>
            <Choice label="What" value={route.object} onChange={(object) => navigate({ object })}>
                <option value="">anything</option>
                {[...new Set(route.object ? [...objects, route.object] : objects)].map((object) => (
                    <option key={object} value={object}>
                        {title(object)}
                    </option>
                ))}
            </Choice>
            <Choice label="Reviewed" value={route.reviewed} onChange={(reviewed) => navigate({ reviewed })}>
                <option value="">both</option>
                <option value="no">not yet</option>
                <option value="yes">reviewed</option>
            </Choice>
            <label>
                <span>From</span>
                <input type="date" value={route.from} onChange={(event) => navigate({ from: event.target.value })} />
            </label>
            <label>
                <span>To</span>
                <input type="date" value={route.to} onChange={(event) => navigate({ to: event.target.value })} />
            </label>
            {filtered && (
                <button type="button" className="quiet" onClick={() => navigate({ ...emptyRoute, view: "events", event: route.event })}>
                    Clear filters
                </button>
            )}
        </form>
    );
}

export function Events({ cameras, nameOf }: { cameras: readonly Camera[]; nameOf: (id: string) => string }) {
    const route = useRoute();
    const { loaded, old, error, readMore, reload } = useEventList(route);
    const feed = useLive((state) => state.feed);
    const changed = new Map(feed.map((event) => [event.id, event]));
    const items = (loaded ?? old)?.items.map((event) => mergeEvents([event], [changed.get(event.id) ?? event])[0] ?? event) ?? [];
    const unseen = useUnseen(items);
    return (
        <section className="events" aria-labelledby="events-title">
            <header>
                <h2 id="events-title">Events</h2>
                <p role="status">{loaded && (loaded.total !== null ? count(loaded.total, "event") : `${count(items.length, "event")}${loaded.more ? " and more" : ""}`)}</p>
                {unseen > 0 && (
                    <button type="button" className="pill" onClick={reload}>
                        {unseen} new
                    </button>
                )}
            </header>
            <Filters route={route} cameras={cameras} />
            {error && <ErrorCard error={error} onRetry={reload} />}
            {!loaded && !old && !error && <Skeleton rows={8} label="Reading the events" />}
            {loaded && items.length === 0 && (
                <Empty title="No event fits">
                    <p>Take a filter away, or wait: events appear when a batch of detections is closed.</p>
                </Empty>
            )}
            {items.length > 0 && (
                <LongList
                    items={items}
                    rowHeight={ROW_PX}
                    label="Events, newest first"
                    keyOf={(event) => event.id}
                    row={(event) => <EventRow event={event} cameraName={nameOf(event.camera_id)} />}
                    onNearEnd={readMore}
                    end={loaded?.more ? <Skeleton rows={1} label="Reading more" /> : undefined}
                />
            )}
        </section>
    );
}
