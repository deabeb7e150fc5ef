// SPDX-License-Identifier: Apache-2.0
// A full and a read-only disk, in a mount namespace, so that no disk of the machine is touched.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { hasSql } from "./faults.mjs";

const mayMount = spawnSync("unshare", ["-m", "sh", "-c", "mount -t tmpfs -o size=1m tmpfs /mnt"]).status === 0;
const reason = !hasSql ? "the program sqlite3 is not installed" : !mayMount ? "mounting in a namespace of our own is not allowed here" : false;

test("full and read-only disks", { skip: reason, timeout: 180000 }, () => {
    const steps = fileURLToPath(new URL("disk_steps.mjs", import.meta.url));
    const kept = { ...process.env };
    delete kept.NODE_TEST_CONTEXT; // the steps are a test run of their own
    const { status, stdout, stderr } = spawnSync("unshare", ["-m", "--propagation", "private", process.execPath, "--test", steps], { encoding: "utf8", env: kept });
    assert.equal(status, 0, stdout + stderr);
});
