// SPDX-License-Identifier: Apache-2.0
// The socket that stays, on a clock and a wire of the test's own.
import assert from "node:assert/strict";
import { test } from "node:test";
import { backoffMs, usualBackoff } from "../src/live/backoff";
import { Connection, OPENING_MS, SILENCE_MS, type ConnectionState, type Message, type SocketLike } from "../src/live/connection";
import { Seen } from "../src/live/seen";

class FakeSocket implements SocketLike {
    readyState = 0;
    onopen: ((event: never) => void) | null = null;
    onclose: ((event: { code: number; reason: string }) => void) | null = null;
    onmessage: ((event: { data: unknown }) => void) | null = null;
    onerror: ((event: never) => void) | null = null;
    sent: Record<string, unknown>[] = [];
    send(text: string): void {
        this.sent.push(JSON.parse(text) as Record<string, unknown>);
    }
    close(): void {
        this.readyState = 3;
    }
    open(): void {
        this.onopen?.(undefined as never);
    }
    say(message: object): void {
        this.onmessage?.({ data: JSON.stringify(message) });
    }
    end(code: number): void {
        this.onclose?.({ code, reason: "" });
    }
}

function world() {
    let now = 1000000;
    let timers: { at: number; fn: () => void }[] = [];
    const sockets: FakeSocket[] = [];
    const states: ConnectionState[] = [];
    const messages: Message[] = [];
    let gaps = 0;
    const connection = new Connection({
        url: () => "ws://test/ws/events",
        channel: "events",
        open: () => {
            const socket = new FakeSocket();
            sockets.push(socket);
            return socket;
        },
        onMessage: (message) => messages.push(message),
        onState: (state) => states.push(state),
        onGap: () => (gaps += 1),
        now: () => now,
        random: () => 0,
        setTimer: (fn, ms) => {
            const timer = { at: now + ms, fn };
            timers.push(timer);
            return timer;
        },
        clearTimer: (timer) => {
            timers = timers.filter((one) => one !== timer);
        },
    });
    const pass = (ms: number) => {
        now += ms;
        const due = timers.filter((timer) => timer.at <= now);
        timers = timers.filter((timer) => timer.at > now);
        for (const timer of due) timer.fn();
    };
    const last = () => sockets[sockets.length - 1] as FakeSocket;
    return { connection, sockets, states, messages, pass, last, gaps: () => gaps, waiting: () => timers.length };
}

function opened() {
    const w = world();
    w.connection.start();
    w.last().open();
    w.last().say({ type: "connected", sequence: 7 });
    return w;
}

test("waits_double_up_to_the_cap", () => {
    assert.deepEqual([1, 2, 3, 4].map((attempt) => backoffMs(attempt, 0)), [500, 1000, 2000, 4000]);
    assert.equal(backoffMs(60, 0), usualBackoff.capMs);
});

test("jitter_only_shortens_so_that_the_cap_holds", () => {
    assert.equal(backoffMs(1, 1), 300);
    assert.ok(backoffMs(60, 0.5) < usualBackoff.capMs);
});

test("seen_forgets_the_oldest_beyond_its_limit", () => {
    const seen = new Seen(2);
    assert.deepEqual([seen.add(1), seen.add(1), seen.add(2), seen.add(3), seen.add(1)], [true, false, true, true, true]);
    assert.equal(seen.size, 2);
});

test("ping_is_answered_and_not_handed_on", () => {
    const w = opened();
    w.last().say({ type: "ping", lastSeq: 7 });
    assert.deepEqual(w.last().sent, [{ type: "pong" }]);
    assert.equal(w.messages.length, 0);
});

test("lost_connection_comes_back_after_the_backoff_not_before", () => {
    const w = opened();
    w.last().end(1006);
    assert.equal(w.connection.state.phase, "waiting");
    w.pass(499);
    assert.equal(w.sockets.length, 1);
    w.pass(1);
    assert.equal(w.sockets.length, 2);
});

test("waits_grow_while_nobody_answers_and_begin_anew_after_a_stable_time", () => {
    const w = world();
    w.connection.start();
    const waits = [];
    for (let i = 0; i < 3; i++) {
        w.last().end(1006);
        const state = w.connection.state;
        if (state.phase === "waiting") waits.push(state.attempt);
        w.pass(30000);
    }
    assert.deepEqual(waits, [1, 2, 3]);
    w.last().open();
    w.pass(10000);
    w.last().end(1006);
    assert.equal(w.connection.state.phase === "waiting" && w.connection.state.attempt, 1);
});

test("down_since_stays_the_first_moment_over_several_tries", () => {
    const w = opened();
    w.last().end(1006);
    const first = w.connection.state.phase === "waiting" ? w.connection.state.since : 0;
    w.pass(600);
    w.last().end(1006);
    assert.equal(w.connection.state.phase === "waiting" && w.connection.state.since, first);
});

test("resync_asks_from_the_last_sequence_and_duplicates_count_once", () => {
    const w = opened();
    w.last().say({ type: "event", data: {}, sequence: 8 });
    w.last().end(1006);
    w.pass(500);
    w.last().open();
    w.last().say({ type: "connected", sequence: 10 });
    assert.deepEqual(w.last().sent, [{ type: "resync", data: { channel: "events", last_sequence: 8 } }]);
    w.last().say({ type: "event", data: {}, sequence: 11 }); // live comes before the replay
    w.last().say({ type: "event", data: {}, sequence: 9, replay: true });
    w.last().say({ type: "event", data: {}, sequence: 8, replay: true });
    assert.deepEqual(w.messages.map((message) => message.sequence), [8, 11, 9]);
});

test("nothing_missed_asks_for_nothing", () => {
    const w = opened();
    w.last().end(1006);
    w.pass(500);
    w.last().open();
    w.last().say({ type: "connected", sequence: 7 });
    assert.deepEqual(w.last().sent, []);
    assert.equal(w.gaps(), 0);
});

test("restarted_program_is_a_gap_and_its_new_numbers_are_not_duplicates", () => {
    const w = opened();
    w.last().say({ type: "event", data: {}, sequence: 8 });
    w.last().end(1001);
    w.pass(500);
    w.last().open();
    w.last().say({ type: "connected", sequence: 0 });
    assert.equal(w.gaps(), 1);
    w.last().say({ type: "event", data: {}, sequence: 8 });
    assert.equal(w.messages.length, 2);
});

test("incomplete_replay_is_a_gap", () => {
    const w = opened();
    w.last().say({ type: "resync_ack", complete: true });
    assert.equal(w.gaps(), 0);
    w.last().say({ type: "resync_ack", complete: false });
    assert.equal(w.gaps(), 1);
});

test("high_risk_is_acknowledged", () => {
    const w = opened();
    w.last().say({ type: "event", data: {}, sequence: 8, requires_ack: true });
    assert.deepEqual(w.last().sent, [{ type: "ack", data: { seq: 8 } }]);
});

test("silence_beyond_two_pings_is_a_loss", () => {
    const w = opened();
    w.pass(SILENCE_MS - 1);
    assert.equal(w.connection.state.phase, "open");
    w.last().say({ type: "ping" });
    w.pass(SILENCE_MS - 1);
    assert.equal(w.connection.state.phase, "open");
    w.pass(1);
    assert.equal(w.connection.state.phase, "waiting");
});

test("opening_that_never_ends_is_given_up", () => {
    const w = world();
    w.connection.start();
    w.pass(OPENING_MS);
    assert.equal(w.connection.state.phase, "waiting");
});

test("refused_key_does_not_knock_again_by_itself", () => {
    const w = world();
    w.connection.start();
    w.last().end(1008);
    assert.equal(w.connection.state.phase, "refused");
    assert.equal(w.waiting(), 0);
    w.connection.retryNow();
    assert.equal(w.sockets.length, 2);
});

test("stop_leaves_no_timer_and_no_way_back", () => {
    const w = opened();
    const socket = w.last();
    w.connection.stop();
    assert.equal(w.waiting(), 0);
    assert.equal(socket.onclose, null);
    assert.equal(w.connection.state.phase, "closed");
});

test("strange_bytes_change_nothing", () => {
    const w = opened();
    for (const data of ["{", "null", "7", '{"type":5}']) w.last().onmessage?.({ data });
    assert.equal(w.messages.length, 0);
    assert.equal(w.connection.state.phase, "open");
});
