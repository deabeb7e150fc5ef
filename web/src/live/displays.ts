// SPDX-License-Identifier: Apache-2.0
// Displays of the detector worker: what their tiles show, from what the API says.
import type { Subscription, SubscriptionFrame } from "../api/types";
import type { PictureBox } from "../widgets/Picture";

export interface DisplayPicture {
    src: string;
    width: number;
    height: number;
    boxes: PictureBox[];
}

// The picture is cut to the display's part; boxes are told in the whole one.
export function pictureOf(one: Subscription): DisplayPicture | null {
    const frame = one.newest_detections;
    if (frame === null) return one.online ? { src: `${one.image_url}?frames=${one.frames}`, width: 0, height: 0, boxes: [] } : null;
    const [x0 = 0, y0 = 0, x1 = frame.width, y1 = frame.height] = one.crop ?? [];
    const right = Math.min(x1, frame.width);
    const bottom = Math.min(y1, frame.height);
    return {
        src: `${one.image_url}?sequence=${frame.sequence}`,
        width: right - x0,
        height: bottom - y0,
        boxes: boxesOf(frame, x0, y0),
    };
}

function boxesOf(frame: SubscriptionFrame, x0: number, y0: number): PictureBox[] {
    return frame.tracks.flatMap((track) => {
        const [left, top, right, bottom] = track.bbox;
        if (left === undefined || top === undefined || right === undefined || bottom === undefined) return [];
        return {
            key: track.track_id,
            x: left - x0,
            y: top - y0,
            width: right - left,
            height: bottom - top,
            label: `#${track.track_id} ${track.class}${track.state === "stable" ? " · stands" : ""}`,
            faint: track.lost,
        };
    });
}

// Why what is there is not (yet) looked at: the display's answer to "why is there no result?"
export function tracksOf(one: Subscription): Fact[] {
    const tracks = one.newest_detections?.tracks ?? [];
    return tracks.filter(({ reason }) => reason !== null).map((track) => ({ name: `#${track.track_id} ${track.class}`, value: track.reason ?? "" }));
}

const sessionWords: Record<Subscription["session"]["state"], string> = {
    idle: "waits for something that stands still",
    running: "the pipeline is at work",
    waiting: "result sent, waits for a session",
    active: "session",
    hold: "session over, the same one is still there",
};

export function sessionWord(one: Subscription): string {
    const { state, id, stage } = one.session;
    return `${sessionWords[state]}${id ? ` ${id}` : ""}${stage ? `, ${stage.replace(/_/g, " ")}` : ""}`;
}

export interface Fact {
    name: string;
    value: string;
}

function textOf(value: unknown): string {
    if (value === null || value === undefined) return "–";
    if (typeof value === "number") return Number.isInteger(value) ? String(value) : value.toFixed(2);
    if (Array.isArray(value)) return value.map((part) => textOf(part)).join(", ");
    return typeof value === "object" ? JSON.stringify(value) : String(value);
}

// "carBrand" and "body_type" as words.
function wordOf(name: string): string {
    return name.replace(/_/g, " ").replace(/([a-z])([A-Z])/g, (_, a: string, b: string) => `${a} ${b.toLowerCase()}`);
}

export function factsOf(detection: Record<string, unknown> | null): Fact[] {
    return Object.entries(detection ?? {})
        .filter(([name]) => name !== "bbox")
        .map(([name, value]) => ({ name: wordOf(name), value: textOf(value) }));
}

// Each branch in one line; a failed one says why.
export function branchesOf(results: Record<string, unknown> | null): Fact[] {
    return Object.entries(results ?? {}).map(([name, result]) => {
        if (result === null || typeof result !== "object") return { name, value: textOf(result) };
        const members = result as Record<string, unknown>;
        if (typeof members.error === "string") return { name, value: `failed: ${members.error}` };
        const what = members.text ?? members.class;
        return { name, value: typeof members.confidence === "number" ? `${textOf(what)} (${Math.round(members.confidence * 100)} %)` : textOf(what) };
    });
}
