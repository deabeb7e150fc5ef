// SPDX-License-Identifier: Apache-2.0
// Cameras that mean harm, beside good ones in the real program.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { Camera, testVideo } from "../e2e/camera.mjs";
import { Daemon, until } from "../e2e/daemon.mjs";
import { leftMb, quick, residentMb } from "./faults.mjs";

const json = { "Content-Type": "application/json" };
let camera;
let daemon;

const send = (method, path, body) => fetch(daemon.url + path, { method, headers: json, body: body && JSON.stringify(body) });
const liveOf = async (id) => (await (await fetch(`${daemon.url}/api/sources/${id}`)).json()).live;

async function addCamera(id) {
    const answer = await send("POST", "/api/sources", { id, kind: "rtsp", url: camera.url(id), reconnect_seconds: 0.5 });
    assert.equal(answer.status, 201);
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
});
