// SPDX-License-Identifier: Apache-2.0
// A picture with boxes drawn over it by the page; the picture itself stays as it was taken.
import { useEffect, useState } from "react";
import { apiKey, getPicture } from "../api/client";
import { placeLabels } from "./labels";

export interface PictureBox {
    key: string | number;
    x: number;
    y: number;
    width: number;
    height: number;
    label: string;
    faint?: boolean;
}

export interface PictureProps {
    src: string;
    alt: string;
    width?: number; // of the picture the boxes are measured in
    height?: number;
    boxes?: readonly PictureBox[];
    lazy?: boolean;
    className?: string;
    onShown?: () => void;
}

// An <img> cannot send a key: with one the picture is fetched and shown from memory.
function useSource(src: string): { source: string | null; failed: boolean } {
    const key = apiKey();
    const [blob, setBlob] = useState<{ src: string; url: string } | null>(null);
    const [failed, setFailed] = useState(false);
    useEffect(() => {
        if (key === "") return undefined;
        const abort = new AbortController();
        let url: string | null = null;
        getPicture(src, abort.signal).then(
            (bytes) => {
                url = URL.createObjectURL(bytes);
                setFailed(false);
                setBlob({ src, url });
            },
            () => !abort.signal.aborted && setFailed(true),
        );
        return () => {
            abort.abort();
            // The shown picture stays until the next one is there.
            if (url !== null) setTimeout(() => URL.revokeObjectURL(url as string), 2000);
        };
    }, [src, key]);
    return key === "" ? { source: src, failed: false } : { source: blob?.url ?? null, failed };
}

const LABEL_HEIGHT = 0.036; // parts of the picture's width

const classOf = (box: PictureBox) => (box.faint ? "box faint" : "box");

// The labels last, so that no box runs through them.
function Boxes({ boxes, width, height }: { boxes: readonly PictureBox[]; width: number; height: number }) {
    const size = width * LABEL_HEIGHT;
    const places = placeLabels(boxes, { width, height }, size);
    return (
        <svg className="boxes" viewBox={`0 0 ${width} ${height}`} preserveAspectRatio="xMidYMid meet" aria-hidden="true">
            {boxes.map((box) => (
                <g key={box.key} className={classOf(box)} data-box={box.key}>
                    <rect className="box-halo" x={box.x} y={box.y} width={box.width} height={box.height} />
                    <rect className="box-line" x={box.x} y={box.y} width={box.width} height={box.height} />
                </g>
            ))}
            {boxes.map((box, index) => {
                const place = places[index];
                return (
                    place && (
                        <text key={box.key} className={classOf(box)} data-label={box.key} x={place.x} y={place.y} fontSize={size} textAnchor={place.anchor}>
                            {box.label}
                        </text>
                    )
                );
            })}
        </svg>
    );
}

// The old picture stays on the screen while the next one is decoded, so that nothing flickers.
export function Picture({ src, alt, width, height, boxes = [], lazy, className, onShown }: PictureProps) {
    const { source, failed } = useSource(src);
    const [shown, setShown] = useState<{ source: string; width: number; height: number } | null>(null);
    const [broken, setBroken] = useState<string | null>(null);
    useEffect(() => {
        if (source === null || lazy) return undefined;
        let dropped = false;
        const image = new Image();
        image.onload = () => {
            if (dropped) return;
            setShown({ source, width: image.naturalWidth, height: image.naturalHeight });
            setBroken(null);
            onShown?.();
        };
        image.onerror = () => !dropped && setBroken(source);
        image.src = source;
        return () => {
            dropped = true;
        };
        // onShown is told of pictures, not asked for by them.
        // eslint-disable-next-line react-hooks/exhaustive-deps
    }, [source, lazy]);
    const ready = lazy ? source : (shown?.source ?? null);
    const unit = { width: width ?? shown?.width ?? 0, height: height ?? shown?.height ?? 0 };
    const absent = failed || (source !== null && broken === source);
    return (
        <span className={`picture ${className ?? ""}`}>
            {ready !== null && !absent && (
                <img src={ready} alt={alt} loading={lazy ? "lazy" : "eager"} decoding="async" onError={() => setBroken(ready)} />
            )}
            {ready === null && !absent && <span className="skeleton fill" />}
            {absent && <span className="picture-absent">{alt}: no picture</span>}
            {ready !== null && !absent && boxes.length > 0 && unit.width > 0 && unit.height > 0 && (
                <Boxes boxes={boxes} width={unit.width} height={unit.height} />
            )}
        </span>
    );
}
