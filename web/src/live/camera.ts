// SPDX-License-Identifier: Apache-2.0
// What a camera's tile shows, from what the API and the sockets say about it.
import type { Camera, Detection } from "../api/types";
import type { PictureBox } from "../widgets/Picture";
import type { Activity, CameraChange } from "./store";

export function boxLabel(type: string | null, confidence: number, track: number | null): string {
    const what = type ?? "object";
    const id = track !== null && track > 0 ? ` #${track}` : "";
    return `${what}${id} ${Math.round(confidence * 100)} %`;
}

export function detectionBoxes(detections: readonly Detection[]): PictureBox[] {
    return detections.map((one) => ({
        key: one.id,
        ...one.bbox,
        label: boxLabel(one.object_type, one.confidence, one.track_id),
    }));
}

export function withChange(camera: Camera, change: CameraChange | undefined): Camera {
    if (change === undefined) return camera;
    return { ...camera, status: change.status as Camera["status"], reason: change.reason };
}

export function lastActive(camera: Camera, activity: Activity | undefined): number {
    if (activity !== undefined) return activity.at;
    const seen = camera.last_seen_at === null ? NaN : Date.parse(camera.last_seen_at);
    return Number.isNaN(seen) ? 0 : seen;
}

// The order stays while nobody new appears; `order` is the one on the screen.
export function keepOrder(order: readonly string[], wanted: readonly string[]): string[] {
    const present = new Set(wanted);
    const kept = order.filter((id) => present.has(id));
    const known = new Set(kept);
    return [...wanted.filter((id) => !known.has(id)), ...kept];
}

// Detections that were seen on one picture, newest picture first.
export interface Shot {
    key: string;
    detections: Detection[];
    best: Detection;
}

export function shotsOf(detections: readonly Detection[]): Shot[] {
    const shots = new Map<string, Detection[]>();
    for (const one of detections) {
        const key = `${one.detected_at} ${one.picture_width}x${one.picture_height} ${one.video_offset_ms}`;
        shots.set(key, [...(shots.get(key) ?? []), one]);
    }
    return [...shots.entries()]
        .map(([key, seen]) => ({
            key,
            detections: seen,
            best: seen.reduce((a, b) => (b.confidence > a.confidence ? b : a)),
        }))
        .sort((a, b) => (a.best.detected_at < b.best.detected_at ? 1 : -1));
}
