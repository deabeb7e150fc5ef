// SPDX-License-Identifier: Apache-2.0
// A start with standard input, output and error closed: their numbers are not taken by sockets or files.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, readlinkSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { freePort, program, until } from "../e2e/daemon.mjs";
import { quick } from "./faults.mjs";

test("closed standard files lead nowhere and the program works", async () => {
    const folder = mkdtempSync(join(tmpdir(), "nightjar-stdio-"));
    const port = await freePort();
    const sets = [...quick, `http.port=${port}`, `folder.root=${folder}/cameras`, `store.path=${folder}/nightjar.db`, `app.media_folder=${folder}/pictures`];
    const child = spawn("/bin/sh", ["-c", 'exec "$0" "$@" <&- >&- 2>&-', program, "run", ...sets.flatMap((one) => ["--set", one])], { cwd: folder, stdio: "ignore" });
    const ended = new Promise((resolve) => child.once("exit", (code) => resolve(code)));
    try {
        await until("readiness", () => fetch(`http://127.0.0.1:${port}/ready`).then((answer) => answer.ok, () => false), 30000);
        for (const fd of [0, 1, 2]) assert.equal(readlinkSync(`/proc/${child.pid}/fd/${fd}`), "/dev/null");
    } finally {
        child.kill("SIGTERM");
        assert.equal(await ended, 0);
        rmSync(folder, { recursive: true, force: true });
    }
});
