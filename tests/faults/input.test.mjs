// SPDX-License-Identifier: Apache-2.0
// Files that strangers put there: each bad one is refused with its reason, and the good ones beside
// them are stored.
import assert from "node:assert/strict";
import { mkdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { testVideo } from "../e2e/camera.mjs";
import { Daemon, until } from "../e2e/daemon.mjs";
import { count, database, hasSql, leftMb, objectsPerPicture, png, put, quick, residentMb, sql } from "./faults.mjs";

const jpeg = readFileSync(fileURLToPath(new URL("../fuzz/seeds/frames_picture/420_exif.jpg", import.meta.url)));

// Only the head: start, a frame of this size, start of scan.
function jpegHead(width, height) {
    const head = [0xff, 0xd8, 0xff, 0xc0, 0, 17, 8, height >> 8, height & 255, width >> 8, width & 255, 3, 1, 0x22, 0, 2, 0x11, 1, 3, 0x11, 1, 0xff, 0xda, 0, 12, 3, 1, 0, 2, 0x11, 3, 0x11, 0, 0x3f, 0];
    return Buffer.concat([Buffer.from(head), Buffer.alloc(4096, 0x55)]);
}

const bad = [
    { name: "empty.jpg", bytes: Buffer.alloc(0), reason: "too_small" },
    { name: "empty.png", bytes: Buffer.alloc(0), reason: "too_small" },
    { name: "cut.jpg", bytes: jpeg.subarray(0, jpeg.length - 150), reason: "truncated" },
    { name: "cut.png", bytes: png({ width: 200, height: 200, number: 1 }).subarray(0, 120), reason: "truncated" },
    { name: "huge.jpg", bytes: jpegHead(30000, 30000), reason: "too_big" },
    { name: "bomb.png", bytes: png({ width: 30000, height: 30000, bits: 1, number: 2 }), reason: "too_big" },
    { name: "text.jpg", bytes: Buffer.from("no picture ".repeat(50)), reason: "wrong_type" },
    { name: "text.mp4", bytes: Buffer.from("no video ".repeat(500)), reason: "wrong_type" },
];

const names = [
    { what: "a newline", name: "a\nb.png" },
    { what: "two dots", name: "a..b..png" },
    { what: "invalid UTF-8", name: Buffer.concat([Buffer.from([0xff, 0xfe, 0xc3]), Buffer.from(".png")]) },
    { what: "255 bytes", name: "n".repeat(251) + ".png" },
    { what: "quotes and markup", name: `"'<b>;--.png` },
    { what: "a backslash and a tab", name: "a\\b\tc.png" },
];

let daemon;
let number = 100;

const picture = () => png({ number: number++ });
const rows = () => count(database(daemon), "SELECT count(*) FROM detections");

async function expectStored(what) {
    const before = rows();
    put(daemon, "witness", `${number}.png`, picture());
    await until(`a picture after ${what}`, () => rows() === before + objectsPerPicture, 20000);
    assert.equal((await fetch(`${daemon.url}/health`)).status, 200);
}

describe("bad input", { skip: !hasSql && "the program sqlite3 is not installed" }, () => {
    before(async () => {
        daemon = await Daemon.start({ set: [...quick, "folder.max_cameras=40"] });
    });
    after(() => daemon?.destroy());

    for (const { name, bytes, reason } of bad)
        test(`${name} is refused as ${reason}`, async () => {
            put(daemon, "gate", name, bytes);
            const query = `SELECT reason, detail FROM refused_files WHERE CAST(path AS TEXT) LIKE '%/gate/${name}'`;
            const [row] = await until("the refusal", () => sql(database(daemon), query).slice(-1).filter(Boolean).length && sql(database(daemon), query));
            assert.equal(row.reason, reason);
            assert.notEqual(row.detail, "");
            assert.equal(readFileSync(join(daemon.cameras, "gate", name)).length, bytes.length);
            await expectStored(name);
        });

    for (const { what, name } of names)
        test(`a file name with ${what} is stored and told`, async () => {
            const before = rows();
            put(daemon, "names", name, picture());
            await until("its rows", () => rows() === before + objectsPerPicture);
            const [row] = sql(database(daemon), "SELECT hex(file_path) AS path FROM detections ORDER BY id DESC LIMIT 1");
            assert.ok(Buffer.from(row.path, "hex").includes(Buffer.from(name)), "the row has the name byte for byte");
            const list = await daemon.json("/api/detections?limit=5"); // valid JSON whatever the bytes
            assert.ok(JSON.stringify(list).length > 2);
        });

    for (const folder of ["..", "a\nb", "ünï cödé", "-rf", "%2e%2e", "x".repeat(200)])
        test(`a camera folder named ${JSON.stringify(folder.slice(0, 12))} breaks nothing`, async () => {
            const refused = () => count(database(daemon), "SELECT count(*) FROM refused_files");
            const [rowsBefore, refusedBefore] = [rows(), refused()];
            if (folder !== "..") {
                put(daemon, folder, "one.png", picture());
                await until("a row or a refusal", () => rows() > rowsBefore || refused() > refusedBefore);
            }
            await daemon.json("/api/cameras");
            await expectStored("the folder");
        });

    test("a camera's folder that is removed while watched is watched again when it is back", async () => {
        const first = rows();
        put(daemon, "gone", "1.png", picture());
        await until("its first file", () => rows() === first + objectsPerPicture);
        rmSync(join(daemon.cameras, "gone"), { recursive: true });
        await expectStored("the removal");
        const before = rows();
        put(daemon, "gone", "2.png", picture());
        await until("its new file", () => rows() === before + objectsPerPicture, 20000);
    });

    test("the whole root may go and come back, even with files in it", async () => {
        rmSync(daemon.cameras, { recursive: true });
        await until("the trouble is told", () => /folder is gone/.test(daemon.log), 20000);
        assert.equal((await fetch(`${daemon.url}/health`)).status, 200);
        mkdirSync(join(daemon.folder, "new/back"), { recursive: true });
        const before = rows();
        for (let i = 0; i < 5; i++) put({ folder: daemon.folder, cameras: join(daemon.folder, "new") }, "back", `${i}.png`, picture());
        renameSync(join(daemon.folder, "new"), daemon.cameras);
        await until("the files that came with it", () => rows() === before + 5 * objectsPerPicture, 20000);
        await expectStored("the root's return");
    });

    test("memory of a video with many pixels goes back when it is stored", async (context) => {
        const begun = residentMb(daemon);
        for (let number = 0; number < 3; number++) {
            const free = Buffer.from([0, 0, 0, 9, 0x66, 0x72, 0x65, 0x65, number]); // a box that makes it another file
            const before = rows();
            put(daemon, "large", `${number}.mp4`, Buffer.concat([readFileSync(testVideo("huge")), free]));
            await until("its rows", () => rows() > before, 30000);
            await until(`all but ${leftMb} MB are back`, () => residentMb(daemon) < begun + leftMb);
        }
        context.diagnostic(`${Math.round(begun)} MB before, ${Math.round(residentMb(daemon))} after`);
    });

    test("nothing that was refused waits in a queue or among the dead letters", () => {
        assert.equal(count(database(daemon), "SELECT count(*) FROM dead_letters"), 0);
        assert.equal(count(database(daemon), "SELECT count(*) FROM work_items WHERE queue = 'detection_queue'"), 0);
    });
});
