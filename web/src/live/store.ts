// SPDX-License-Identifier: Apache-2.0
// The one store behind the page: fed by the sockets, read by every view, bounded everywhere.
import type { Detection, Event } from "../api/types";
import type { ConnectionState, Message } from "./connection";

export const FEED_LIMIT = 100;
export const BOXES_LIMIT = 64;
export const HISTORY_LIMIT = 360; // half an hour of samples, one every five seconds
const CAMERA_LIMIT = 256;
const SERVICE_LIMIT = 64;

export interface Sample {
    at: number; // seconds
    values: Record<string, number>;
}

// What a camera was last seen to do, from the sockets.
export interface Activity {
    at: number; // milliseconds, of the page's clock
    detections: Detection[]; // those of the newest picture
}

export interface CameraChange {
    status: string;
    reason: string | null;
    at: string;
}

export interface ServiceChange {
    status: string;
    message: string;
    at: string;
}

export interface SystemStatus {
    [member: string]: unknown;
}

export interface LiveState {
    events: ConnectionState;
    system: ConnectionState;
    feed: Event[];
    feedLoaded: boolean;
    newest: Event | null; // arrived by socket, for the live region
    activity: Readonly<Record<string, Activity>>;
    cameraChanges: Readonly<Record<string, CameraChange>>;
    serviceChanges: Readonly<Record<string, ServiceChange>>;
    status: SystemStatus | null;
    statusAt: number;
    performance: SystemStatus | null;
    history: Sample[];
    gaps: number; // counts what must be read again from the API
}

export const emptyState: LiveState = {
    events: { phase: "closed" },
    system: { phase: "closed" },
    feed: [],
    feedLoaded: false,
    newest: null,
    activity: {},
    cameraChanges: {},
    serviceChanges: {},
    status: null,
    statusAt: 0,
    performance: null,
    history: [],
    gaps: 0,
};

// Newest first by when it was made, then number; an older version never replaces a newer one.
export function mergeEvents(feed: readonly Event[], more: readonly Event[], limit = FEED_LIMIT): Event[] {
    const byId = new Map<number, Event>();
    for (const event of feed) byId.set(event.id, event);
    for (const event of more) {
        const known = byId.get(event.id);
        if (known === undefined || (event.version ?? 0) >= (known.version ?? 0))
            byId.set(event.id, event);
    }
    return [...byId.values()].sort(newestFirst).slice(0, limit);
}

function newestFirst(a: Event, b: Event): number {
    const byTime = Date.parse(b.created_at) - Date.parse(a.created_at);
    return byTime !== 0 && !Number.isNaN(byTime) ? byTime : b.id - a.id;
}

// Boxes belong together when they were seen on one picture.
export function addDetection(activity: Activity | undefined, detection: Detection, now: number): Activity {
    const before = activity?.detections ?? [];
    const current = before[0];
    if (current !== undefined && detection.detected_at < current.detected_at)
        return { at: now, detections: before };
    const together = current !== undefined && current.detected_at === detection.detected_at;
    const kept = together ? before.filter((one) => one.id !== detection.id) : [];
    return { at: now, detections: [...kept, detection].slice(-BOXES_LIMIT) };
}

// Drops the place that changed longest ago, so that a stream of strange names cannot grow us.
function put<T>(record: Readonly<Record<string, T>>, name: string, value: T, limit: number): Record<string, T> {
    const rest: Record<string, T> = { ...record };
    delete rest[name]; // its place is the newest one again
    const names = Object.keys(rest);
    if (names.length >= limit && names[0] !== undefined) delete rest[names[0]];
    return { ...rest, [name]: value };
}

// Every number of the status, by its path: what the plots can draw.
export function numbersOf(status: unknown, prefix = "", out: Record<string, number> = {}): Record<string, number> {
    if (status === null || typeof status !== "object" || Array.isArray(status)) return out;
    for (const [name, value] of Object.entries(status)) {
        const path = prefix ? `${prefix}.${name}` : name;
        if (typeof value === "number") out[path] = value;
        else numbersOf(value, path, out);
    }
    return out;
}

function withSample(history: readonly Sample[], status: unknown, now: number): Sample[] {
    const sample = { at: Math.round(now / 1000), values: numbersOf(status) };
    return [...history, sample].slice(-HISTORY_LIMIT);
}

// What a message changes; the same state when it changes nothing.
export function reduce(state: LiveState, message: Message, now: number): LiveState {
    const data = message.data as Record<string, unknown> | undefined;
    if (data === undefined || data === null) return state;
    switch (message.type) {
        case "event":
        case "event.updated": {
            const event = data as unknown as Event;
            if (typeof event.id !== "number") return state;
            const fresh = message.type === "event" && !state.feed.some((one) => one.id === event.id);
            const known = state.activity[event.camera_id];
            const activity = fresh
                ? put(state.activity, event.camera_id, { at: now, detections: known?.detections ?? [] }, CAMERA_LIMIT)
                : state.activity;
            const feed = mergeEvents(state.feed, [event]);
            return { ...state, feed, activity, newest: fresh ? event : state.newest };
        }
        case "detection.new": {
            const detection = data.detection as Detection | undefined;
            if (detection === undefined || typeof detection.camera_id !== "string") return state;
            const next = addDetection(state.activity[detection.camera_id], detection, now);
            return { ...state, activity: put(state.activity, detection.camera_id, next, CAMERA_LIMIT) };
        }
        case "camera_status": {
            const id = String(data.camera_id ?? "");
            const change = {
                status: String(data.status ?? "unknown"),
                reason: typeof data.reason === "string" ? data.reason : null,
                at: String(data.timestamp ?? message.timestamp ?? ""),
            };
            return { ...state, cameraChanges: put(state.cameraChanges, id, change, CAMERA_LIMIT) };
        }
        case "service_status": {
            const change = {
                status: String(data.status ?? "unknown"),
                message: String(data.message ?? ""),
                at: message.timestamp ?? "",
            };
            const name = String(data.service ?? "");
            return { ...state, serviceChanges: put(state.serviceChanges, name, change, SERVICE_LIMIT) };
        }
        case "system_status":
            return { ...state, status: data, statusAt: now, history: withSample(state.history, data, now) };
        case "performance_update":
            return { ...state, performance: data };
        default:
            return state;
    }
}

type Listener = () => void;

// Tells its listeners at most every few milliseconds, however fast messages come.
export class Store {
    private state: LiveState = emptyState;
    private readonly listeners = new Set<Listener>();
    private pending = false;

    constructor(private readonly later: (fn: () => void) => void = (fn) => void setTimeout(fn, 30)) {}

    get = (): LiveState => this.state;

    subscribe = (listener: Listener): (() => void) => {
        this.listeners.add(listener);
        return () => this.listeners.delete(listener);
    };

    set(change: Partial<LiveState>): void {
        this.replace({ ...this.state, ...change });
    }

    receive(message: Message, now = Date.now()): void {
        this.replace(reduce(this.state, message, now));
    }

    addEvents(events: readonly Event[]): void {
        this.set({ feed: mergeEvents(this.state.feed, events), feedLoaded: true });
    }

    private replace(state: LiveState): void {
        if (state === this.state) return;
        this.state = state;
        if (this.pending) return;
        this.pending = true;
        this.later(() => {
            this.pending = false;
            for (const listener of this.listeners) listener();
        });
    }
}

export const store = new Store();
