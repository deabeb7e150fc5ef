// SPDX-License-Identifier: Apache-2.0
// Starts that must fail say what is wrong and where; signals are obeyed with work in flight.
import assert from "node:assert/strict";
import { mkdtempSync, openSync, readFileSync, rmSync, statSync, writeFileSync, writeSync, closeSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { Daemon, until } from "../e2e/daemon.mjs";
import { count, database, hasSql, kill, objectsPerPicture, png, put, quick, runToEnd, sql } from "./faults.mjs";

const manifest = JSON.parse(readFileSync(fileURLToPath(new URL("../../models/yolox_nano_416.json", import.meta.url))));
let folder;

const inFolder = (name, text) => {
    const path = join(folder, name);
    if (text !== undefined) writeFileSync(path, text);
    return path;
};
const sets = (...more) => ["run", ...[...quick, "http.port=0", `folder.root=${folder}/cameras`, `store.path=${folder}/nightjar.db`, `app.media_folder=${folder}/pictures`, ...more].flatMap((one) => ["--set", one])];

async function expectRefusal(args, ...clues) {
    const { code, signal, text } = await runToEnd(args, folder);
    assert.equal(signal, null, text);
    assert.notEqual(code, 0, text);
    for (const clue of clues) assert.match(text, clue);
}

describe("starts that fail", () => {
    before(() => (folder = mkdtempSync(join(tmpdir(), "nightjar-start-"))));
    after(() => rmSync(folder, { recursive: true, force: true }));

    for (const { what, text, clue } of [
        { what: "an unknown key", text: "batch:\n  window_second: 90\n", clue: /wrong\.yaml:2:3: .*window_second/ },
        { what: "a value out of range", text: "batch:\n  max_detections: 0\n", clue: /wrong\.yaml:2:\d+: .*max_detections/ },
        { what: "a value of another type", text: "http:\n  port: [1, 2]\n", clue: /wrong\.yaml:2:\d+: .*port/ },
        { what: "broken YAML", text: "batch:\n  - {\n", clue: /wrong\.yaml:\d+:\d+/ },
    ])
        test(`configuration with ${what} names file, line and column`, async () => {
            await expectRefusal([...sets(), "--config", inFolder("wrong.yaml", text)], clue);
        });

    test("a configuration file that is not there is named", async () => {
        await expectRefusal([...sets(), "--config", inFolder("none.yaml")], /none\.yaml/);
    });

    test("an unknown setting of the command line is named", async () => {
        await expectRefusal(sets("batch.windov=1"), /--set/, /batch\.windov/);
    });

    test("a port that is taken is told with its number", async () => {
        const server = createServer();
        await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
        const { port } = server.address();
        await expectRefusal(sets(`http.port=${port}`), /cannot listen/, new RegExp(String(port)), /http\.port/);
        server.close();
    });

    test("an address for everybody without keys is refused", async () => {
        await expectRefusal(sets("http.host=0.0.0.0"), /key/i, /0\.0\.0\.0/);
    });

    test("a model without its weights is told with the file", async () => {
        const path = inFolder("lost.json", JSON.stringify({ ...manifest, name: "lost", weights: "lost.onnx" }));
        await expectRefusal(sets("detect.engine=onnx", `detect.model=${path}`), /lost/);
    });

    test("damaged weights are told with the file", async () => {
        inFolder("damaged.onnx", Buffer.alloc(100000, 7));
        const path = inFolder("damaged.json", JSON.stringify({ ...manifest, name: "damaged", weights: "damaged.onnx" }));
        await expectRefusal(sets("detect.engine=onnx", `detect.model=${path}`), /damaged/);
    });

    test("a manifest that is no JSON is told with the file", async () => {
        await expectRefusal(sets("detect.engine=onnx", `detect.model=${inFolder("text.json", "{no}")}`), /text\.json/);
    });

    test("a database that is none is refused and left as it was", async () => {
        const path = inFolder("nightjar.db", Buffer.alloc(8192, 65));
        await expectRefusal(sets(), /nightjar\.db|database/);
        assert.deepEqual(readFileSync(path), Buffer.alloc(8192, 65));
        rmSync(path);
    });

    test("a database that was damaged in the middle is refused after a crash", { skip: !hasSql && "the program sqlite3 is not installed" }, async () => {
        const daemon = await Daemon.start({ set: quick });
        try {
            for (let i = 0; i < 200; i++) put(daemon, "gate", `${i}.png`, png({ number: i }));
            await until("rows", () => count(database(daemon), "SELECT count(*) FROM detections") === 200 * objectsPerPicture, 30000);
            await kill(daemon);
            sql(database(daemon), "PRAGMA wal_checkpoint(TRUNCATE)");
            const file = openSync(database(daemon), "r+");
            const pages = Math.floor(statSync(database(daemon)).size / 4096);
            for (let page = 2; page < pages; page += 3) writeSync(file, Buffer.alloc(2048, 0xaa), 0, 2048, page * 4096);
            closeSync(file);
            await expectRefusal(daemon.arguments(), /damage|corrupt|malformed/i);
        } finally {
            await daemon.destroy();
        }
    });
});

describe("signals", { skip: !hasSql && "the program sqlite3 is not installed" }, () => {
    test("SIGTERM with work in flight finishes what was accepted", async () => {
        const daemon = await Daemon.start({ set: quick });
        try {
            const file = database(daemon);
            for (let round = 0; round < 3; round++) {
                for (let i = 0; i < 60; i++) put(daemon, "gate", `${round}-${i}.png`, png({ number: round * 1000 + i }));
                assert.deepEqual(await daemon.stop(), { code: 0, signal: null });
                assert.equal(count(file, "SELECT count(*) FROM work_items"), 0, "the queues are empty");
                assert.equal(count(file, "SELECT count(*) FROM batches WHERE state <> 'analysed'"), 0, "no batch is open");
                assert.equal(count(file, "SELECT count(*) FROM seen_files"), count(file, "SELECT count(DISTINCT file_path) FROM detections"), "what was accepted has its rows");
                assert.match(daemon.log, /Stopped/);
                await daemon.run();
            }
            await until("what came too late", () => count(file, "SELECT count(DISTINCT file_path) FROM detections") === 180, 30000);
            assert.equal(count(file, "SELECT count(*) FROM detections"), 180 * objectsPerPicture);
        } finally {
            await daemon.destroy();
        }
    });

    test("SIGHUP takes a new configuration, and keeps the old one when that is wrong", async () => {
        const place = mkdtempSync(join(tmpdir(), "nightjar-config-"));
        const path = join(place, "nightjar.yaml");
        writeFileSync(path, "log:\n  level: info\n");
        const base = await Daemon.start({ set: quick }); // for its folders
        try {
            await base.stop();
            base.arguments = () => [...Daemon.prototype.arguments.call(base), "--config", path];
            await base.run();
            writeFileSync(path, "batch:\n  max_detections: lots\n");
            base.child.kill("SIGHUP");
            await until("the error", () => /old one stays/.test(base.log));
            assert.match(base.log, /nightjar\.yaml:2:\d+/);
            writeFileSync(path, "batch:\n  max_detections: 3\n");
            base.child.kill("SIGHUP");
            await until("the reload", () => /Configuration reloaded/.test(base.log));
            assert.equal((await fetch(`${base.url}/health`)).status, 200);
            for (let i = 0; i < 3; i++) put(base, "gate", `${i}.png`, png({ number: i }));
            await until("three rows", () => count(database(base), "SELECT count(*) FROM detections") === 3 * objectsPerPicture);
        } finally {
            await base.destroy();
            rmSync(place, { recursive: true, force: true });
        }
    });
});
