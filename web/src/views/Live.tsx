// SPDX-License-Identifier: Apache-2.0
// Is anything happening: the cameras, the newest events, the risk of the day.
import { useEffect, useRef, useState } from "react";
import type { Camera } from "../api/types";
import { keepOrder, lastActive } from "../live/camera";
import { store } from "../live/store";
import type { useCameras } from "../live/useCameras";
import { Empty, ErrorCard, Skeleton } from "../widgets/States";
import { CameraTile } from "./CameraTile";
import { Feed } from "./Feed";
import { RiskGauge } from "./RiskGauge";

const SORT_EVERY_MS = 30000;

function byActivity(cameras: readonly Camera[]): string[] {
    const { activity } = store.get();
    return [...cameras]
        .sort((a, b) => lastActive(b, activity[b.id]) - lastActive(a, activity[a.id]) || a.id.localeCompare(b.id))
        .map((camera) => camera.id);
}

// Sorted anew now and then, never under a finger.
function useOrder(cameras: readonly Camera[]) {
    const box = useRef<HTMLDivElement>(null);
    const [order, setOrder] = useState<string[]>([]);
    useEffect(() => {
        setOrder((old) => keepOrder(old, byActivity(cameras)));
        const timer = setInterval(() => {
            const busy = box.current?.matches(":hover, :focus-within") ?? false;
            if (!busy) setOrder(byActivity(cameras));
        }, SORT_EVERY_MS);
        return () => clearInterval(timer);
    }, [cameras]);
    return { box, order };
}

function Tiles({ cameras }: { cameras: readonly Camera[] }) {
    const { box, order } = useOrder(cameras);
    const byId = new Map(cameras.map((camera) => [camera.id, camera]));
    const sorted = order.flatMap((id) => byId.get(id) ?? []);
    return (
        <div className="tiles" ref={box}>
            {sorted.map((camera) => (
                <CameraTile key={camera.id} camera={camera} />
            ))}
        </div>
    );
}

export function Live({ cameras: { cameras, error, reload, nameOf } }: { cameras: ReturnType<typeof useCameras> }) {
    return (
        <div className="live">
            <section className="cameras" aria-labelledby="cameras-title">
                <h2 id="cameras-title">Cameras</h2>
                {cameras === null && error === null && <Skeleton rows={2} label="Reading the cameras" />}
                {cameras === null && error !== null && <ErrorCard error={error} onRetry={reload} />}
                {cameras !== null && cameras.length === 0 && (
                    <Empty title="No camera yet">
                        <p>
                            Put a picture into <code>cameras/front_door/</code>: the folder becomes the camera “front_door”.
                        </p>
                    </Empty>
                )}
                {cameras !== null && cameras.length > 0 && <Tiles cameras={cameras} />}
            </section>
            <div className="live-side">
                <RiskGauge />
                <Feed nameOf={nameOf} />
            </div>
        </div>
    );
}
