// SPDX-License-Identifier: Apache-2.0
// One camera: its newest picture with what is on it, how old that is, and why when it is not there.
import { useCallback, useState } from "react";
import { listPath } from "../api/client";
import type { Camera, CameraDetail, DetectionPage, Frame } from "../api/types";
import { detectionBoxes, shotsOf, withChange } from "../live/camera";
import { useLive } from "../live/useLive";
import { useNow } from "../live/useNow";
import { useRequest } from "../live/useRequest";
import { navigate } from "../live/route";
import { Picture, type PictureBox } from "../widgets/Picture";
import { Age, Time } from "../widgets/Time";
import { number } from "../widgets/words";

const LOOK_EVERY_MS = 1000;
const STALE_MS = 15000;
const NEWEST_DETECTIONS = 32;

interface Shown {
    src: string;
    at: string | null;
    width?: number;
    height?: number;
    boxes: PictureBox[];
}

function frameBoxes(frame: Frame): PictureBox[] {
    return frame.tracks.map((track) => ({
        key: track.track_id,
        ...track.bbox,
        label: `#${track.track_id} ${track.object_type ?? "object"}`, // short: many walk side by side
        faint: track.lost,
    }));
}

function shownOfFrame(camera: Camera, frame: Frame): Shown {
    return {
        src: `/api/cameras/${encodeURIComponent(camera.id)}/snapshot?sequence=${frame.sequence}`,
        at: frame.captured_at,
        width: frame.width,
        height: frame.height,
        boxes: frameBoxes(frame),
    };
}

interface Newest {
    shown: Shown | null;
    absent?: string | undefined; // why nothing is shown, once that is known
}

// The picture that plays: asked for once a second, while it is looked at.
function useLiveFrame(camera: Camera): Newest {
    const path = camera.live ? `/api/cameras/${encodeURIComponent(camera.id)}` : null;
    const { data } = useRequest<CameraDetail>(path, { everyMs: LOOK_EVERY_MS });
    if (data?.frame) return { shown: shownOfFrame(camera, data.frame) };
    return { shown: null, absent: data === null ? undefined : "no picture now" };
}

// The newest upload; the sockets tell of those with something on them, the list of cameras of the others.
function useNewestUpload(camera: Camera): Newest {
    const gaps = useLive((state) => state.gaps);
    const path = camera.live
        ? null
        : listPath("/api/detections", { camera_id: camera.id, limit: NEWEST_DETECTIONS, total: "false" });
    const { data, error } = useRequest<DetectionPage>(path, { again: gaps });
    const told = useLive((state) => state.activity[camera.id]);
    const detections = told && told.detections.length > 0 ? told.detections : (data?.items ?? []);
    const shot = shotsOf(detections)[0];
    const known = shot !== undefined || data !== null || error !== null;
    // Another address with each upload: pictures of a burst may share their capture time.
    const seen = encodeURIComponent(camera.last_seen_at ?? "");
    if (known && camera.picture_at !== null && camera.picture_at > (shot?.best.detected_at ?? ""))
        return { shown: { src: `${camera.snapshot_url}?at=${seen}`, at: camera.picture_at, boxes: [] } };
    if (shot !== undefined)
        return {
            shown: {
                src: shot.best.image_url,
                at: shot.best.detected_at,
                width: shot.best.picture_width,
                height: shot.best.picture_height,
                boxes: detectionBoxes(shot.detections),
            },
        };
    return { shown: null, absent: data === null ? undefined : "nothing recognised yet" };
}

function Trouble({ camera }: { camera: Camera }) {
    if (camera.status === "online") return null;
    return (
        <p className="tile-trouble">
            <strong>{camera.status === "error" ? "In trouble" : camera.status === "unknown" ? "Not seen yet" : "Offline"}</strong>
            {camera.last_seen_at && (
                <>
                    {" "}
                    since <Time at={camera.last_seen_at} />
                </>
            )}
            {camera.reason && <>: {camera.reason}</>}
        </p>
    );
}

function Caption({ camera, at }: { camera: Camera; at: string | null }) {
    const now = useNow();
    const stale = camera.live !== null && at !== null && now - Date.parse(at) > STALE_MS;
    return (
        <span className={stale ? "tile-age stale" : "tile-age"}>
            {camera.live && camera.status === "online" && !stale && <span className="playing">live · {number(camera.live.fps, 0)} fps · </span>}
            {stale && "stale · "}
            {at ? <Age at={at} /> : "no picture yet"}
        </span>
    );
}

function describe(camera: Camera, shown: Shown | null): string {
    if (shown === null) return camera.name;
    const labels = shown.boxes.map((box) => box.label).join(", ");
    return `${camera.name}: ${labels || "nothing recognised"}`;
}

function Absent({ why }: { why: string | undefined }) {
    return why === undefined ? <span className="skeleton fill" /> : <span className="picture-absent">{why}</span>;
}

export function CameraTile({ camera: listed }: { camera: Camera }) {
    const change = useLive((state) => state.cameraChanges[listed.id]);
    const camera = withChange(listed, change);
    const frame = useLiveFrame(camera);
    const upload = useNewestUpload(camera);
    const wanted = frame.shown ?? upload.shown;
    const absent = camera.live ? frame.absent : upload.absent;
    // Boxes change together with the picture they belong to.
    const [current, setCurrent] = useState<Shown | null>(null);
    const onShown = useCallback(() => setCurrent(wanted), [wanted]);
    return (
        <article className={`tile status-${camera.status}`} data-camera={camera.id} aria-label={`Camera ${camera.name}`}>
            <div className="tile-picture">
                {wanted ? (
                    <Picture
                        src={wanted.src}
                        alt={describe(camera, current)}
                        width={current?.width}
                        height={current?.height}
                        boxes={current?.boxes}
                        onShown={onShown}
                    />
                ) : (
                    <Absent why={camera.last_seen_at === null ? "" : absent} />
                )}
                <Trouble camera={camera} />
            </div>
            <footer>
                <button type="button" className="tile-name quiet" onClick={() => navigate({ view: "events", camera: camera.id, event: null })}>
                    {camera.name || camera.id}
                    <span className="hidden">: show its events</span>
                </button>
                <Caption camera={camera} at={wanted?.at ?? camera.last_seen_at} />
            </footer>
        </article>
    );
}
