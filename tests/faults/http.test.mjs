// SPDX-License-Identifier: Apache-2.0
// Clients that mean no good: the others are served all the same.
import assert from "node:assert/strict";
import { connect } from "node:net";
import { after, before, describe, test } from "node:test";
import { Daemon, until } from "../e2e/daemon.mjs";
import { quick } from "./faults.mjs";

let daemon;

// What the server says until it closes, or `ms` are over.
function talk(bytes, ms = 5000) {
    return new Promise((resolve) => {
        const socket = connect(daemon.port, "127.0.0.1");
        let text = "";
        const timer = setTimeout(() => socket.destroy(), ms);
        socket.on("data", (more) => (text += more));
        socket.on("error", () => {});
        socket.on("close", () => {
            clearTimeout(timer);
            resolve(text);
        });
        socket.write(bytes);
    });
}

const isWell = async () => assert.equal((await fetch(`${daemon.url}/health`)).status, 200);

describe("hostile clients", () => {
    before(async () => {
        daemon = await Daemon.start({ set: [...quick, "http.head_timeout=1", "http.max_connections=200"] });
    });
    after(() => daemon?.destroy());

    test("a header of 10 MB is answered with 431 and costs no memory", async () => {
        const answer = await talk(Buffer.concat([Buffer.from("GET / HTTP/1.1\r\nHost: localhost\r\nX-Long: "), Buffer.alloc(10 << 20, 120)]));
        assert.match(answer, /^HTTP\/1\.1 431 /);
        await isWell();
    });

    test("bytes that are no HTTP are answered with 400", async () => {
        for (const bytes of ["\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", "GET\r\n\r\n", "GET / HTTP/1.1\nHost: localhost\n\n", "GET / HTTP/1.1\r\nHost : localhost\r\n\r\n", "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", "GET / HTTP/3.7\r\nHost: localhost\r\n\r\n"])
            assert.match(await talk(Buffer.from(bytes, "latin1"), 3000), /^HTTP\/1\.1 (400|408|505) /, JSON.stringify(bytes));
        await isWell();
    });

    test("a host that is not ours is refused", async () => {
        assert.match(await talk("GET /health HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n"), /^HTTP\/1\.1 4\d\d /);
    });

    test("slow clients are sent away and the others do not wait", async () => {
        const slow = Array.from({ length: 50 }, () => {
            const socket = connect(daemon.port, "127.0.0.1");
            const one = { text: "", closed: false };
            const timer = setInterval(() => socket.write("X"), 100);
            socket.on("data", (more) => (one.text += more));
            socket.on("error", () => {});
            socket.on("close", () => {
                clearInterval(timer);
                one.closed = true;
            });
            socket.write("GET / HTTP/1.1\r\nHost: localhost\r\nX-");
            return one;
        });
        const before = Date.now();
        await isWell();
        assert.ok(Date.now() - before < 1000, "others are answered at once");
        await until("all slow ones are gone", () => slow.every(({ closed }) => closed), 10000);
        assert.ok(slow.every(({ text }) => /^HTTP\/1\.1 408 /.test(text)), "they were told");
    });

    test("clients that leave in the middle of an answer do no harm", async () => {
        for (let i = 0; i < 200; i++) {
            const socket = connect(daemon.port, "127.0.0.1");
            socket.on("error", () => {});
            socket.write("GET /openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n".repeat(20));
            await new Promise((resolve) => socket.once("connect", resolve));
            if (i % 2) socket.resetAndDestroy?.() ?? socket.destroy();
            else setImmediate(() => socket.destroy());
        }
        await isWell();
        assert.equal(daemon.child.exitCode, null);
    });
});
