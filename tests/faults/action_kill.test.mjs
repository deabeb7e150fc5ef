// SPDX-License-Identifier: Apache-2.0
// The program is killed at random moments while it does actions from its queue, some of which fail
// at first: afterwards each was done, and those of one session in their order.
import assert from "node:assert/strict";
import { createServer } from "node:http";
import { test } from "node:test";
import { Daemon, progress, until } from "../e2e/daemon.mjs";
import { count, database, hasSql, kill, quick, random, sql } from "./faults.mjs";

const long = process.env.NJ_LONG === "1";
const kills = long ? 50 : 4;
const sessions = 6;
const actions = long ? 2000 : 120;
const seed = Number(process.env.NJ_SEED ?? Math.floor(Math.random() * 2 ** 31));
const END_MS = 120000;

const later = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

// Takes posts of {"session", "number"}, some not at once; what it takes is told as done.
class Receiver {
    taken = new Map(Array.from({ length: sessions }, (_, i) => [`session ${i}`, []]));

    static async start(next) {
        const receiver = new Receiver();
        receiver.server = createServer((request, response) => {
            let text = "";
            request.on("data", (more) => (text += more));
            request.on("end", () => {
                const { session, number } = JSON.parse(text);
                const takes = next() > 0.1;
                if (takes) receiver.taken.get(session).push(number);
                response.writeHead(takes ? 204 : 503).end();
            });
        });
        await new Promise((resolve) => receiver.server.listen(0, "127.0.0.1", resolve));
        receiver.url = `http://127.0.0.1:${receiver.server.address().port}/hook`;
        return receiver;
    }

    get count() {
        return [...this.taken.values()].reduce((sum, numbers) => sum + new Set(numbers).size, 0);
    }
}

// As requeued letters lie there: for each session numbers from 0 on.
function fillQueue(file, url) {
    const rows = Array.from({ length: actions }, (_, i) => {
        const session = `session ${i % sessions}`;
        const message = JSON.stringify({ session, number: Math.floor(i / sessions) });
        const payload = JSON.stringify({ action: "http_post", path: "pipeline.actions[0]", session_id: session, channel: url, message, json: true });
        return `('action_queue', 0, 1, 1, 0, 0, 0, 1, 0, '${session}', '${payload.replaceAll("'", "''")}')`;
    });
    sql(file, `INSERT INTO work_items (queue, priority, due_us, not_before_us, lease_until_us, fence, attempts, created_us, first_failed_us, order_key, payload) VALUES ${rows.join(",")}`);
}

test(`${kills} kills during ${actions} actions lose none and keep the order of each session (seed ${seed})`, { skip: !hasSql && "the program sqlite3 is not installed", timeout: 600000 }, async () => {
    const next = random(seed);
    const tell = progress("kills during actions, run", kills);
    const receiver = await Receiver.start(next);
    const daemon = await Daemon.start({ set: [...quick, "queue.max_attempts=50", "queue.max_lost=1000", "actions.allow_loopback=true", "actions.retry_seconds=0.05"] });
    try {
        const file = database(daemon);
        await daemon.stop();
        fillQueue(file, receiver.url);
        for (let i = 0; i < kills; i++) {
            const before = receiver.count;
            await daemon.run();
            await until("some more actions", () => receiver.count > before || receiver.count === actions, END_MS);
            await later(next() * 40);
            await kill(daemon);
            tell(i + 1);
        }
        const atLastKill = receiver.count;
        await daemon.run();
        await until("the end of all actions", () => count(file, "SELECT count(*) FROM work_items") === 0, END_MS);
        assert.deepEqual(await daemon.stop(), { code: 0, signal: null });
        assert.equal(count(file, "SELECT count(*) FROM dead_letters"), 0);
        assert.equal(receiver.count, actions, "none is lost");
        assert.ok(atLastKill < actions, "the kills came in the middle");
        for (const [session, numbers] of receiver.taken) {
            // One whose end the kill met is done again, before the next one.
            const wrong = numbers.findIndex((number, i) => i > 0 && number !== numbers[i - 1] && number !== numbers[i - 1] + 1);
            assert.equal(wrong, -1, `${session} in order: ${numbers.join(" ")}`);
        }
    } finally {
        receiver.server.close();
        receiver.server.closeAllConnections();
        await daemon.destroy();
    }
});
