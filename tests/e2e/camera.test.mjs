// SPDX-License-Identifier: Apache-2.0
// The servers that other tests stand on, seen by the programs ffmpeg and ffprobe.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { test } from "node:test";
import { promisify } from "node:util";
import { Camera, gstProgram, hasGst, testVideo } from "./camera.mjs";

const run = promisify(execFile);
const PROBE_MS = 20000;

// The first video packets that ffprobe reads, with what it says about the stream.
async function probe(url, packets) {
    const { stdout } = await run("ffprobe", ["-v", "error", "-rtsp_transport", "tcp", "-of", "json",
        "-select_streams", "v", "-show_packets", "-show_streams", "-read_intervals", `%+#${packets}`,
        url], { timeout: PROBE_MS, killSignal: "SIGKILL" });
    return JSON.parse(stdout);
}

test("the test camera's lines mount, count, refuse and drop", async () => {
    const camera = await Camera.start({ one: testVideo("small") });
    try {
        await camera.tell(`mount two ${testVideo("small-b")} speed=8 audio=pcmu snapshots`);
        const seen = await probe(camera.url("two"), 40);
        assert.equal(seen.streams[0].has_b_frames, 2);
        assert.ok(seen.packets.length >= 40);
        assert.equal((await camera.stats("two")).plays, 1);
        assert.equal((await camera.stats("one")).connections_ever, 0);
        const picture = await fetch(camera.snapshotUrl("two"));
        assert.equal(picture.status, 200);
        await camera.tell("faults two describe=404");
        await assert.rejects(probe(camera.url("two"), 1), /404/);
        await assert.rejects(camera.tell("freeze three"), /not_found/);
        await assert.rejects(camera.tell("faults two sdp=unheard-of"), /no word/);
    } finally {
        await camera.stop();
    }
});

test("gst-rtsp-server plays the same file", { skip: !hasGst && "built without gst-rtsp-server" },
    async () => {
        const server = await Camera.start({ cam: testVideo("small") }, { program: gstProgram });
        try {
            const { streams, packets } = await probe(server.url("cam"), 90); // over the file's end
            assert.equal(streams[0].width, 320);
            const times = packets.map((packet) => Number(packet.pts_time)).filter(Number.isFinite);
            times.slice(1).forEach((time, i) => assert.ok(time > times[i] && time < times[i] + 0.2));
        } finally {
            await server.stop();
        }
    });
