// SPDX-License-Identifier: Apache-2.0
// Live cameras as they are set up: what the form holds, and what the API wants.
import type { Source, SourceEntry } from "../api/types";

export interface SourceForm {
    id: string;
    name: string;
    kind: "rtsp" | "snapshot";
    url: string;
    detect_url: string;
    username: string;
    password: string; // "" leaves the old one
    fps: string;
    snapshot_interval_seconds: string;
    keyframes_when_still: boolean;
}

export const emptyForm: SourceForm = {
    id: "",
    name: "",
    kind: "rtsp",
    url: "",
    detect_url: "",
    username: "",
    password: "",
    fps: "5",
    snapshot_interval_seconds: "5",
    keyframes_when_still: true,
};

export function formOf(entry: SourceEntry): SourceForm {
    return {
        ...emptyForm,
        id: entry.id,
        name: entry.name,
        kind: entry.kind === "snapshot" ? "snapshot" : "rtsp",
        url: entry.url ?? "",
        detect_url: entry.detect_url ?? "",
        fps: String(entry.fps ?? 0),
        snapshot_interval_seconds: String(entry.snapshot_interval_seconds ?? 5),
        keyframes_when_still: entry.keyframes_when_still ?? false,
    };
}

// An id for people who only think of a name.
export function idOf(name: string): string {
    return name
        .toLowerCase()
        .replace(/[^a-z0-9]+/g, "_")
        .replace(/^_+|_+$/g, "")
        .slice(0, 64);
}

// The form's members over the entry that the program showed: a PUT replaces all of them, also those
// that the form does not show. Only whether it is paused stays when left out.
export function entryOf(form: SourceForm, shown: SourceEntry | null): Record<string, unknown> {
    const { paused: _, ...kept } = shown ?? {};
    const entry: Record<string, unknown> = {
        ...kept,
        id: form.id || idOf(form.name),
        name: form.name,
        kind: form.kind,
        url: form.url.trim(),
        detect_url: form.kind === "rtsp" ? form.detect_url.trim() : "",
        fps: Number(form.fps) || 0,
    };
    if (form.username !== "") entry.username = form.username;
    if (form.password !== "") entry.password = form.password;
    if (form.kind === "snapshot") entry.snapshot_interval_seconds = Number(form.snapshot_interval_seconds) || 5;
    if (form.kind === "rtsp") entry.keyframes_when_still = form.keyframes_when_still;
    return entry;
}

// In one word how a camera does, and how good that is.
export function stateOf(source: Source): { word: string; grade: "good" | "warn" | "bad" | "unknown"; why: string } {
    if (source.paused) return { word: "paused", grade: "unknown", why: "" };
    if (source.problem) return { word: "problem", grade: "bad", why: source.problem };
    const live = source.live;
    if (!live) return { word: "not playing", grade: "unknown", why: "" };
    const why = live.reason ?? "";
    if (live.state === "active") return { word: "active", grade: "good", why: "" };
    if (live.state === "failed") return { word: "failed", grade: "bad", why };
    if (live.state === "error") return { word: "reconnecting", grade: "warn", why };
    return { word: live.state, grade: "unknown", why };
}
