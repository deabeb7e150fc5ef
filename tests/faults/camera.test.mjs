// SPDX-License-Identifier: Apache-2.0
// Cameras that mean harm, beside good ones in the real program.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { after, before, describe, test } from "node:test";
import { Camera, testVideo } from "../e2e/camera.mjs";
import { Daemon, until } from "../e2e/daemon.mjs";
import { leftMb, quick, residentMb } from "./faults.mjs";

const json = { "Content-Type": "application/json" };
let camera;
let daemon;

const send = (method, path, body) => fetch(daemon.url + path, { method, headers: json, body: body && JSON.stringify(body) });
const liveOf = async (id) => (await (await fetch(`${daemon.url}/api/sources/${id}`)).json()).live;

async function addCamera(id, url = camera.url(id), reconnect = 0.5) {
    const answer = await send("POST", "/api/sources", { id, kind: "rtsp", url, reconnect_seconds: reconnect });
    assert.equal(answer.status, 201);
}

const GOOD = 8;
const WATCHED_PICTURES = 75; // of the first good camera: five seconds of it
const RECONNECT_SECONDS = 0.1; // the shortest that is allowed
const TICKS_PER_S = 100;

// Takes connections as fast as they come, and ends them: at once, or when `most` bytes of the good camera went along.
async function dropper(most) {
    const server = createServer((socket) => {
        server.taken++;
        socket.on("error", () => {});
        if (most === 0) return socket.destroy();
        let passed = 0;
        const behind = connect(camera.port, "127.0.0.1");
        const end = () => { socket.destroy(); behind.destroy(); };
        behind.on("error", end).on("close", end).on("data", (bytes) => {
            passed += bytes.length;
            if (passed > most) end();
            else socket.write(bytes);
        });
        socket.on("close", end).on("data", (bytes) => behind.write(bytes));
    });
    server.taken = 0;
    server.unref();
    await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
    return server;
}

function cpuSeconds() {
    const [user, system] = readFileSync(`/proc/${daemon.child.pid}/stat`, "latin1").replace(/^.*\) /, "").split(" ").slice(11, 13);
    return (Number(user) + Number(system)) / TICKS_PER_S;
}

// Pictures a second of each good camera, and the part of a core that went, until the first has some more.
async function watch(ids) {
    const frames = async () => Promise.all(ids.map(async (id) => (await liveOf(id)).frames));
    const [seen, cpu, begun] = [await frames(), cpuSeconds(), performance.now()];
    await until("more pictures", async () => (await liveOf(ids[0])).frames >= seen[0] + WATCHED_PICTURES, 30000);
    const seconds = (performance.now() - begun) / 1000;
    return { seconds, rates: (await frames()).map((now, i) => (now - seen[i]) / seconds), cores: (cpuSeconds() - cpu) / seconds };
}

describe("cameras that mean harm", () => {
    before(async () => {
        camera = await Camera.start({ good: testVideo("small"), huge: testVideo("huge") });
        daemon = await Daemon.start({ set: [...quick, "streams.grace_seconds=0"] });
        await addCamera("good");
        await until("the good camera plays", async () => (await liveOf("good"))?.frames > 20);
    });
    after(async () => {
        await daemon?.destroy();
        await camera?.stop();
    });

    test("memory of a camera with many pixels goes back when it is removed", async (context) => {
        const begun = residentMb(daemon);
        for (let i = 0; i < 2; i++) {
            await addCamera("huge");
            await until("it plays", async () => (await liveOf("huge"))?.frames > 24, 30000);
            const played = residentMb(daemon);
            assert.equal((await send("DELETE", "/api/sources/huge")).status, 204);
            await until(`all but ${leftMb} MB are back`, () => residentMb(daemon) < begun + leftMb);
            context.diagnostic(`${Math.round(begun)} MB before, ${Math.round(played)} while, ${Math.round(residentMb(daemon))} after`);
        }
    });

    test("cameras that drop each connection cost the others nothing", async (context) => {
        const ids = Array.from({ length: GOOD }, (_, i) => `good${i}`);
        for (const id of ids) {
            await camera.tell(`mount ${id} ${testVideo("small")}`);
            await addCamera(id);
        }
        for (const id of ids) await until(`${id} plays`, async () => (await liveOf(id))?.frames > 10);
        const alone = await watch(ids);
        const droppers = [await dropper(0), await dropper(20000)];
        for (const [i, { port }] of droppers.map((one) => one.address()).entries())
            await addCamera(`dropper${i}`, `rtsp://127.0.0.1:${port}/good`, RECONNECT_SECONDS);
        const beside = await watch(ids);
        const taken = droppers.map((one) => one.taken);
        context.diagnostic(`${Math.min(...alone.rates).toFixed(1)} pictures a second and ${alone.cores.toFixed(2)} cores alone, ` +
            `${Math.min(...beside.rates).toFixed(1)} and ${beside.cores.toFixed(2)} beside ${taken} connections`);
        assert.ok(taken.every((count) => count > 3 && count <= beside.seconds / RECONNECT_SECONDS + 2), `${taken} connections`);
        assert.ok((await liveOf("dropper1")).frames > 3, "some were long enough for a picture");
        for (const rate of beside.rates) assert.ok(rate > 0.9 * Math.min(15, ...alone.rates), `${rate} pictures a second`);
        assert.ok(beside.cores < alone.cores + 0.25, "the pauses bound the work");
        for (const i of droppers.keys()) assert.equal((await send("DELETE", `/api/sources/dropper${i}`)).status, 204);
        for (const one of droppers) one.close();
    });
});
