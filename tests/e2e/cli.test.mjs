// SPDX-License-Identifier: Apache-2.0
// The words of the program: what it says to a slip, what check finds, and the log's first line.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { Daemon, program } from "./daemon.mjs";

const folder = mkdtempSync(join(tmpdir(), "nightjar-cli-"));
after(() => rmSync(folder, { recursive: true, force: true }));

function call(...words) {
    const { status, stdout, stderr } = spawnSync(program, words, { cwd: folder, encoding: "utf8", timeout: 30000 });
    return { status, stdout, stderr };
}

describe("the words of the program", () => {
    test("a slip is named with the nearest command", () => {
        for (const [words, says] of [
            [["runn"], "no command 'runn', did you mean 'run'; see nightjar --help"],
            [["mpta", "chekc"], "no command 'chekc', did you mean 'check'; see nightjar mpta --help"],
            [["mpta", "frob"], "no command 'frob'; see nightjar mpta --help"],
            [["config", "shwo"], "no command 'shwo', did you mean 'show'"],
        ]) {
            const { status, stderr } = call(...words);
            assert.equal(status, 2);
            assert.ok(stderr.includes(says), stderr);
        }
    });

    test("wrong words and a wrong configuration end with 2, whatever the command", () => {
        for (const [words, says] of [
            [["run", "--set", "http.port=x"], "http.port: expected a whole number"],
            [["check", "--set", "http.port=x"], "http.port: expected a whole number"],
            [["run", "--config", "missing.yaml"], "missing.yaml"],
            [["run", "--config", "a.yaml", "--config", "b.yaml"], "--config is given twice"],
            [["detect", "--jsno", "a.jpg"], "no option '--jsno'"],
            [["config", "example", "more"], "no option 'more'"],
            [["config", "show", "more"], "no option 'more'"],
        ]) {
            const { status, stderr } = call(...words);
            assert.ok(stderr.includes(says), `${words.join(" ")}: ${stderr}`);
            assert.equal(status, 2, words.join(" "));
        }
    });

    test("an output that cannot be written is no success", () => {
        for (const words of [["--version"], ["--help"], ["config", "markdown"]]) {
            const full = openSync("/dev/full", "w");
            const { status, stderr } = spawnSync(program, words, { stdio: ["ignore", full, "pipe"], encoding: "utf8" });
            closeSync(full);
            assert.equal(status, 1, words.join(" "));
            assert.match(stderr, /the output could not be written/);
        }
    });

    test("--help explains each command and its words, wherever it stands, and starts nothing", () => {
        for (const words of [
            ["run", "--help"],
            ["run", "--config", "missing.yaml", "--help"],
            ["check", "--set", "http.port=1", "-h"],
            ["config", "--help"],
            ["config", "show", "--help"],
            ["detect", "missing.jpg", "--help"],
            ["eval", "--help"],
            ["eval", "mot", "--help"],
            ["eval", "video", "--gt", "missing.txt", "-h"],
            ["mpta", "--help"],
            ["mpta", "pack", "--help"],
            ["mpta", "check", "missing.mpta", "-h"],
            ["mpta", "convert", "--help"],
            ["mpta", "--help", "run"],
        ]) {
            const { status, stdout, stderr } = call(...words);
            const named = words[0] === "config" ? "config" : words.filter((word) => /^[a-z]+$/.test(word)).join(" ");
            assert.ok(stdout.startsWith(`usage: nightjar ${named} `), `${words.join(" ")}: ${stdout}${stderr}`);
            assert.equal(stderr, "");
            assert.equal(status, 0);
        }
        assert.equal(call("mpta", "frob", "--help").status, 2);
        assert.equal(call("eval", "frob", "--help").status, 2);
    });

    test("values outside of a range are refused with the range", () => {
        for (const [setting, says] of [
            ["http.port=70000", "http.port: 70000 is out of range; it must be 0 to 65535"],
            ["batch.window_seconds=0", "batch.window_seconds: 0 is out of range"],
            ["http.port=many", "http.port: expected a whole number, got \"many\""],
        ]) {
            const { status, stderr } = call("config", "show", "--set", setting);
            assert.equal(status, 2);
            assert.ok(stderr.includes(says), stderr);
        }
    });

    test("check names the model, and says why an address is refused", () => {
        const set = (...settings) => settings.flatMap((one) => ["--set", one]);
        const good = call("check", ...set("store.path=n.db", `folder.root=${folder}`));
        assert.match(good.stdout, /^address +ok: 127\.0\.0\.1, port 8000$/m);
        assert.match(good.stdout, /^detector +ok: \S+ on cpu$/m);
        assert.equal(good.status, 0, good.stdout);
        const absent = call("check", ...set("store.path=n.db", "folder.root=uploads"));
        assert.match(absent.stdout, /^upload folder +ok: uploads, made at the start$/m);
        const open = call("check", ...set("store.path=n.db", `folder.root=${folder}`, "http.host=0.0.0.0"));
        assert.match(open.stdout, /^address +FAILED: .*api\.key_enabled and api\.keys, or api\.allow_open/m);
        assert.equal(open.status, 1);
    });

    test("a device that is not there is told once by whoever would use it", () => {
        const set = ["--set", "detect.device=cuda:0", "--set", "store.path=n.db", "--set", `folder.root=${folder}`];
        for (const words of [["check", ...set], ["detect", "--set", "detect.device=cuda:0", "none.jpg"]]) {
            const { stderr } = call(...words);
            assert.equal(stderr.match(/Device not available, detecting on the CPU/g)?.length, 1, stderr);
            assert.match(stderr, /cuda:0/);
        }
    });

    test("tracks of another program are measured as they are, detections are tracked", () => {
        const row = (frame, id, x, score) => `${frame},${id},${x},10,20,40,${score},-1,-1,-1\n`;
        const frames = Array.from({ length: 10 }, (_, i) => i + 1);
        const files = {
            gt: frames.map((n) => row(n, 1, n, 1)),
            tracks: frames.map((n) => row(n, n < 6 ? 4 : 9, n, -1)), // changes its mind in the middle
            det: frames.map((n) => row(n, -1, n, 0.99)),
        };
        for (const [name, rows] of Object.entries(files)) writeFileSync(join(folder, `${name}.txt`), rows.join(""));
        const measure = (det) => {
            const { status, stdout, stderr } = call("eval", "mot", "--json", "--det", `${det}.txt`, "--gt", "gt.txt", "--out", "out.txt");
            assert.equal(status, 0, stderr);
            return JSON.parse(stdout);
        };
        const tracks = measure("tracks");
        assert.deepEqual([tracks.id_switches, tracks.result_rows, tracks.mota, tracks.idf1], [1, 10, 90, 50]);
        assert.equal(measure("det").id_switches, 0);
    });

    test("check finds a camera that would stop the start, and says what is wrong with it", () => {
        const cameras = (...list) => call("check", "--set", "store.path=n.db", "--set", `sources.list=${JSON.stringify(list)}`);
        const yard = { id: "yard", url: "rtsp://cam.example/1" };
        assert.match(cameras({ ...yard, kind: "rtsp" }).stdout, /^cameras +ok: 1 in sources\.list$/m);
        const kindless = cameras(yard);
        assert.match(kindless.stdout, /^cameras +FAILED: source "yard": kind: .*"rtsp" or "snapshot"$/m);
        assert.equal(kindless.status, 1);
        const twice = cameras({ ...yard, kind: "rtsp" }, { ...yard, kind: "rtsp" });
        assert.match(twice.stdout, /^cameras +FAILED: sources\.list: the id yard is given twice$/m);
    });

    test("the log's lines say where the page is, and no key stands twice", async () => {
        const daemon = await Daemon.start({ set: ["log.format=json"] });
        try {
            const lines = daemon.log.trim().split("\n");
            const ready = lines.find((line) => line.includes("Nightjar is ready"));
            assert.equal(JSON.parse(ready).address, `${daemon.url}/`);
            assert.equal(JSON.parse(ready).component, "app");
            for (const line of lines) {
                const keys = [...line.matchAll(/[{,]"(\w+)":/g)].map((match) => match[1]);
                assert.equal(new Set(keys).size, keys.length, line);
            }
        } finally {
            await daemon.destroy();
        }
    });
});
