// SPDX-License-Identifier: Apache-2.0
// What the form of a live camera sends.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { SourceEntry } from "../src/api/types";
import { emptyForm, entryOf, formOf } from "../src/live/sources";

const shown: SourceEntry = {
    id: "yard",
    name: "Yard",
    kind: "rtsp",
    path: "",
    url: "rtsp://cam/1?pwd=***",
    detect_url: "rtsp://cam/2",
    username: "***",
    password: "***",
    tls_verify: false,
    snapshot_interval_seconds: 7,
    connect_timeout_seconds: 21,
    reconnect_seconds: 33,
    max_retries: 4,
    keyframes_when_still: true,
    paused: true,
    loop: false,
    paced: true,
    fps: 5,
    masks: ["0,0 1,0 1,1"],
};

test("a_change_keeps_what_the_form_does_not_show", () => {
    const { paused: _, ...kept } = shown;
    assert.deepEqual(entryOf(formOf(shown), shown), kept);
    assert.deepEqual(entryOf({ ...formOf(shown), name: "Gate", fps: "2", password: "new" }, shown), { ...kept, name: "Gate", fps: 2, password: "new" });
});

test("an_emptied_address_is_sent_so_that_it_goes", () => {
    assert.equal(entryOf({ ...formOf(shown), detect_url: " " }, shown).detect_url, "");
    assert.equal(entryOf({ ...formOf(shown), kind: "snapshot" }, shown).detect_url, "");
});

test("a_new_camera_has_only_what_the_form_says", () => {
    const entry = entryOf({ ...emptyForm, name: "Front door", url: " rtsp://cam/1 " }, null);
    assert.deepEqual(entry, { id: "front_door", name: "Front door", kind: "rtsp", url: "rtsp://cam/1", detect_url: "", fps: 5, keyframes_when_still: true });
});
