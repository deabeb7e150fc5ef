// SPDX-License-Identifier: Apache-2.0
// Runs inside a mount namespace of its own, started by disk.test.mjs: a small disk that fills up, and
// one that cannot be written.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { closeSync, mkdirSync, mkdtempSync, openSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { Daemon, until } from "../e2e/daemon.mjs";
import { count, objectsPerPicture, png, put, quick, runToEnd, sql } from "./faults.mjs";

const full = /disk is full|No space left/i;
let folder;
let disk;

before(() => {
    folder = mkdtempSync(join(tmpdir(), "nightjar-disk-"));
    disk = join(folder, "disk");
    mkdirSync(disk);
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=32m", "tmpfs", disk]);
});
after(() => {
    execFileSync("umount", ["-l", disk]);
    rmSync(folder, { recursive: true, force: true });
});

function fill() {
    const file = openSync(join(disk, "filler"), "w");
    const bytes = Buffer.alloc(4096, 1);
    try {
        for (;;) if (writeSync(file, bytes) < bytes.length) break;
    } catch (error) {
        assert.equal(error.code, "ENOSPC");
    }
    closeSync(file);
}

test("a full disk is told, and what came meanwhile is stored when there is room again", async () => {
    const database = join(disk, "nightjar.db");
    const daemon = await Daemon.start({ folder, set: [...quick, `store.path=${database}`, `app.media_folder=${disk}/pictures`] });
    const files = () => count(database, "SELECT count(DISTINCT file_path) FROM detections");
    try {
        for (let i = 0; i < 10; i++) put(daemon, "gate", `${i}.png`, png({ number: i }));
        await until("the first rows", () => files() === 10);
        fill();
        for (let i = 10; i < 40; i++) put(daemon, "gate", `${i}.png`, png({ number: i }));
        await until("the trouble is told", () => full.test(daemon.log), 20000);
        const health = await fetch(`${daemon.url}/api/system/health`);
        const text = await health.text();
        assert.match(text, /"unhealthy"|"degraded"/);
        assert.equal((await fetch(`${daemon.url}/health`)).status < 600, true);
        assert.equal(daemon.child.exitCode, null);
        rmSync(join(disk, "filler"));
        await until("all files", () => files() === 40, 60000);
        // Again, now in the middle of the work.
        for (let i = 40; i < 70; i++) put(daemon, "gate", `${i}.png`, png({ number: i }));
        await until("some are stored", () => files() > 45);
        daemon.log = "";
        fill();
        // The database's log may have room of its own by now: files come until that is used up.
        let last = 70;
        await until("the trouble is told again", () => {
            for (const end = last + 10; last < end && files() > last - 30; last++) put(daemon, "gate", `${last}.png`, png({ number: last }));
            return full.test(daemon.log);
        }, 40000);
        rmSync(join(disk, "filler"));
        await until("all files", () => files() === last, 60000);
        assert.equal(count(database, "SELECT count(*) FROM detections"), last * objectsPerPicture);
        assert.deepEqual(await daemon.stop(), { code: 0, signal: null });
        assert.equal(sql(database, "PRAGMA integrity_check")[0].integrity_check, "ok");
        assert.equal(count(database, "SELECT count(*) FROM dead_letters"), 0);
    } finally {
        await daemon.stop();
    }
});

test("a database that cannot be written stops the start with its name", async () => {
    execFileSync("mount", ["-o", "remount,ro", disk]);
    try {
        const sets = [...quick, "http.port=0", `store.path=${disk}/nightjar.db`, `folder.root=${folder}/cameras`, `app.media_folder=${folder}/pictures`];
        const { code, text } = await runToEnd(["run", ...sets.flatMap((one) => ["--set", one])], folder);
        assert.notEqual(code, 0);
        assert.match(text, /nightjar\.db|read-only/i);
        assert.match(text, /read-only|denied|not be written/i);
    } finally {
        execFileSync("mount", ["-o", "remount,rw", disk]);
    }
});
