// SPDX-License-Identifier: Apache-2.0
// What messages make of the page's state.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Camera, Detection, Event } from "../src/api/types";
import { keepOrder, lastActive, shotsOf, withChange } from "../src/live/camera";
import { verdictOf } from "../src/live/health";
import { hourlyOf } from "../src/live/risk-day";
import { emptyState, FEED_LIMIT, HISTORY_LIMIT, mergeEvents, reduce, Store, type LiveState } from "../src/live/store";

const second = (n: number) => new Date(1700000000000 + n * 1000).toISOString();

function event(id: number, change: Partial<Event> = {}): Event {
    return {
        id, event_id: id, batch_id: `b${id}`, camera_id: "yard", risk_score: 40, risk_level: "medium", summary: "s", reasoning: "r",
        started_at: second(id), ended_at: second(id), created_at: second(id), breakdown: [], analyser: "rules", object_types: "person",
        detection_count: 1, best_detection_id: id, is_fast_path: false, reviewed: false, notes: "", version: 1, ...change,
    };
}

function detection(id: number, at: string, camera = "yard"): Detection {
    return {
        id, camera_id: camera, batch_id: null, object_type: "person", confidence: id / 100, bbox: { x: 0, y: 0, width: 1, height: 1 },
        picture_width: 10, picture_height: 10, media_type: "image", track_id: null, video_offset_ms: 0, detected_at: at, ended_at: at,
        model: "m", image_url: "", thumbnail_url: "",
    };
}

const open = { phase: "open", since: 0 } as const;

test("feed_is_newest_first_and_bounded", () => {
    let state: LiveState = emptyState;
    for (let id = 1; id <= FEED_LIMIT + 5; id++) state = reduce(state, { type: "event", data: event(id) }, id);
    assert.equal(state.feed.length, FEED_LIMIT);
    assert.deepEqual([state.feed[0]?.id, state.feed[FEED_LIMIT - 1]?.id], [FEED_LIMIT + 5, 6]);
});

test("older_version_never_replaces_a_newer_one", () => {
    const feed = mergeEvents([event(1, { version: 3, reviewed: true })], [event(1, { version: 2 })]);
    assert.deepEqual([feed.length, feed[0]?.reviewed], [1, true]);
});

test("update_is_no_news_but_a_new_event_is", () => {
    const state = reduce(emptyState, { type: "event.updated", data: event(1) }, 5);
    assert.equal(state.newest, null);
    assert.equal(reduce(state, { type: "event", data: event(2) }, 6).newest?.id, 2);
    assert.equal(reduce(state, { type: "event", data: event(1) }, 6).newest, null);
});

test("boxes_are_those_of_the_newest_picture", () => {
    let state: LiveState = emptyState;
    const tell = (one: Detection) => (state = reduce(state, { type: "detection.new", data: { detection: one } }, 1));
    tell(detection(1, second(1)));
    tell(detection(2, second(2)));
    tell(detection(3, second(2)));
    tell(detection(4, second(1))); // late: of an older picture
    assert.deepEqual(state.activity.yard?.detections.map((one) => one.id), [2, 3]);
});

test("history_of_figures_is_bounded_and_flat", () => {
    let state: LiveState = emptyState;
    for (let i = 0; i < HISTORY_LIMIT + 3; i++)
        state = reduce(state, { type: "system_status", data: { queues: { detection_queue: i }, gpu: null } }, i * 1000);
    assert.equal(state.history.length, HISTORY_LIMIT);
    assert.deepEqual(state.history[HISTORY_LIMIT - 1]?.values, { "queues.detection_queue": HISTORY_LIMIT + 2 });
});

test("unknown_message_changes_nothing", () => {
    assert.equal(reduce(emptyState, { type: "scene_change", data: {} }, 1), emptyState);
    assert.equal(reduce(emptyState, { type: "event", data: { id: "x" } }, 1), emptyState);
    assert.equal(reduce(emptyState, { type: "event" }, 1), emptyState);
});

test("listeners_are_told_once_for_many_messages", () => {
    const later: (() => void)[] = [];
    const store = new Store((fn) => later.push(fn));
    let told = 0;
    store.subscribe(() => (told += 1));
    for (let id = 1; id <= 20; id++) store.receive({ type: "event", data: event(id) });
    assert.equal(later.length, 1);
    later[0]?.();
    assert.equal(told, 1);
    assert.equal(store.get().feed.length, 20);
});

test("all_good_only_while_connected_and_nothing_is_wrong", () => {
    const status = { services: { detector: "healthy" }, queues: { dlq_total: 0 }, cameras: { total: 1, online: 1, offline: 0 } };
    assert.deepEqual(verdictOf(status, open), { grade: "good", words: "All good." });
    assert.equal(verdictOf(status, { phase: "closed" }).grade, "unknown");
    assert.equal(verdictOf(null, open).grade, "unknown");
});

test("silent_services_are_not_called_good", () => {
    const status = { services: { detector: "unknown", database: "unknown", watcher: "healthy" } };
    assert.deepEqual(verdictOf(status, open), { grade: "unknown", words: "2 services do not say how things are." });
});

test("worst_trouble_comes_first_with_its_reason", () => {
    const status = {
        queues: { dlq_total: 2 },
        services: { analyser: "degraded", detector: { status: "unhealthy", message: "no model", critical: true } },
    };
    assert.deepEqual(verdictOf(status, open), { grade: "bad", words: "no model. And 2 more." });
});

test("reason_of_a_service_comes_from_its_message_while_it_still_holds", () => {
    const changes = { analyser: { status: "degraded", message: "the model is away", at: "" } };
    assert.equal(verdictOf({ services: { analyser: "degraded" } }, open, changes).words, "the model is away.");
    assert.equal(verdictOf({ services: { analyser: "stopped" } }, open, changes).words, "Analyser: stopped.");
});

test("tiles_keep_their_order_and_newcomers_go_first", () => {
    assert.deepEqual(keepOrder(["a", "b", "gone"], ["b", "new", "a"]), ["new", "a", "b"]);
});

test("activity_of_a_camera_is_what_was_heard_else_what_was_stored", () => {
    const camera = { id: "yard", last_seen_at: second(0) } as Camera;
    assert.equal(lastActive(camera, { at: 5, detections: [] }), 5);
    assert.equal(lastActive(camera, undefined), Date.parse(second(0)));
    assert.equal(lastActive({ ...camera, last_seen_at: null }, undefined), 0);
});

test("told_status_replaces_the_listed_one", () => {
    const camera = { id: "yard", status: "online", reason: null } as Camera;
    assert.equal(withChange(camera, { status: "offline", reason: "gone", at: "" }).reason, "gone");
    assert.equal(withChange(camera, undefined), camera);
});

test("shots_gather_detections_of_one_picture_with_the_surest_first_to_show", () => {
    const shots = shotsOf([detection(1, second(1)), detection(3, second(2)), detection(9, second(1))]);
    assert.deepEqual(shots.map((shot) => [shot.best.id, shot.detections.length]), [[3, 1], [9, 2]]);
});

test("risk_of_the_day_counts_spans_that_end_now", () => {
    const now = Date.parse(second(0));
    const hour = (n: number, score: number) => event(1, { started_at: new Date(now - n * 3600000 - 1000).toISOString(), risk_score: score });
    const day = hourlyOf({ hourly_risk: [10, null, -1] }, [hour(0, 70), hour(2, 5), hour(30, 99)], now);
    assert.deepEqual(day.values.slice(-3), [10, null, 70]);
    assert.equal(day.values.length, 24);
    assert.equal(day.times[23], now / 1000);
});
