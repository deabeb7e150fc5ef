// SPDX-License-Identifier: Apache-2.0
// Labels of boxes: none covers another, all lie in the picture.
import assert from "node:assert/strict";
import { test } from "node:test";
import { placeLabels, type Labelled } from "../src/widgets/labels";

const picture = { width: 1000, height: 600 };
const size = 36;
const person = (x: number, y: number, more: Partial<Labelled> = {}): Labelled => ({ x, y, width: 80, height: 200, label: "#12 person", ...more });

// As wide as the text is at most, from its ascent to its descent.
function areas(boxes: readonly Labelled[]) {
    return placeLabels(boxes, picture, size).flatMap((place, index) => {
        if (place === null) return [];
        const length = (boxes[index]?.label.length ?? 0) * size * 0.66;
        const left = place.anchor === "start" ? place.x : place.x - length;
        return [{ left, right: left + length, top: place.y - size * 0.8, bottom: place.y + size * 0.25 }];
    });
}

function check(boxes: readonly Labelled[], shown: number) {
    const placed = areas(boxes);
    assert.equal(placed.length, shown);
    placed.forEach((a, i) => {
        assert.ok(a.left >= -1e-6 && a.right <= picture.width + 1e-6 && a.top >= 0 && a.bottom <= picture.height, JSON.stringify(a));
        for (const b of placed.slice(i + 1)) assert.ok(a.left >= b.right || b.left >= a.right || a.top >= b.bottom || b.top >= a.bottom, JSON.stringify([a, b]));
    });
}

test("a_label_alone_stands_above_its_box_from_the_left", () => {
    assert.deepEqual(placeLabels([person(300, 200)], picture, size), [{ x: 300, y: 191, anchor: "start" }]);
});

test("labels_beside_an_edge_stay_in_the_picture", () => {
    check([person(0, 0)], 1);
    check([person(950, 0)], 1);
    check([person(-20, 450)], 1);
    check([person(0, 0, { width: 1000, height: 600 })], 1);
});

test("labels_of_people_side_by_side_do_not_cover_each_other", () => {
    check([person(300, 200), person(390, 205)], 2);
    check([person(300, 200), person(310, 200), person(320, 210), person(330, 195)], 4);
    check([person(900, 10), person(915, 12), person(930, 5)], 3);
});

test("a_label_without_room_is_left_out_and_lost_ones_go_first", () => {
    const crowd = Array.from({ length: 40 }, (_, i) => person(300 + i, 200, { faint: i === 0 }));
    const places = placeLabels(crowd, picture, size);
    assert.equal(places[0], null);
    assert.ok(places[1] !== null);
    check(crowd, places.filter((place) => place !== null).length);
    assert.ok(places.filter((place) => place !== null).length >= 4);
});

test("a_label_longer_than_the_picture_begins_at_its_left", () => {
    assert.deepEqual(placeLabels([person(500, 200, { label: "x".repeat(100) })], picture, size)[0], { x: 0, y: 191, anchor: "start" });
});
