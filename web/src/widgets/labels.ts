// SPDX-License-Identifier: Apache-2.0
// Where the labels of boxes go, so that none covers another: people walk side by side.

export interface Labelled {
    x: number;
    y: number;
    width: number;
    height: number;
    label: string;
    faint?: boolean;
}

interface At {
    x: number; // of the anchor
    anchor: "start" | "end";
}

export interface Place extends At {
    y: number; // of the baseline
}

interface Area {
    left: number;
    top: number;
    right: number;
    bottom: number;
}

const GLYPH_WIDTH = 0.68; // of bold text, parts of its size: rather too wide than too narrow
const ASCENT = 0.85;
const DESCENT = 0.25;
const GAP = 0.1; // for the outline
const LINE = 1.1; // from the edge above to the baseline: clear of a label on the other side of that edge

function areaOf(place: Place, length: number, size: number): Area {
    const left = place.anchor === "start" ? place.x : place.x - length;
    return { left, right: left + length, top: place.y - (ASCENT + GAP) * size, bottom: place.y + (DESCENT + GAP) * size };
}

function overlap(a: Area, b: Area): boolean {
    return a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;
}

// The best first: above the box, inside at its top, below it, inside at its foot; each from its left, else to its right.
function candidates(box: Labelled, length: number, picture: { width: number; height: number }, size: number): Place[] {
    const left = Math.max(box.x, 0);
    const right = Math.min(box.x + box.width, picture.width);
    const atRight: At = { x: picture.width, anchor: "end" };
    const atLeft: At = { x: 0, anchor: "start" };
    const starts: At = length > picture.width ? atLeft : left + length > picture.width ? atRight : { x: left, anchor: "start" };
    const ends: At = right < length ? atLeft : { x: right, anchor: "end" };
    const foot = box.y + box.height;
    const baselines = [box.y - DESCENT * size, box.y + LINE * size, foot + LINE * size, foot - DESCENT * size];
    return baselines
        .map((y) => Math.min(Math.max(y, size), picture.height - DESCENT * size))
        .flatMap((y) => [
            { ...starts, y },
            { ...ends, y },
        ]);
}

// One for each box, null where there is no room left. Boxes that are seen now go before those that are lost, as they come.
export function placeLabels(boxes: readonly Labelled[], picture: { width: number; height: number }, size: number): (Place | null)[] {
    const taken: Area[] = [];
    const places: (Place | null)[] = boxes.map(() => null);
    const order = boxes.map((_, index) => index).sort((a, b) => Number(boxes[a]?.faint ?? false) - Number(boxes[b]?.faint ?? false) || a - b);
    for (const index of order) {
        const box = boxes[index] as Labelled;
        const length = box.label.length * GLYPH_WIDTH * size;
        const free = candidates(box, length, picture, size).find((place) => !taken.some((area) => overlap(area, areaOf(place, length, size))));
        if (free === undefined) continue;
        taken.push(areaOf(free, length, size));
        places[index] = free;
    }
    return places;
}
