// SPDX-License-Identifier: Apache-2.0
// What the fault tests share: quick settings, pictures made here, and the database read by plain SQL.
import { execFileSync, spawn, spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { deflateSync } from "node:zlib";
import { program } from "../e2e/daemon.mjs";

const root = fileURLToPath(new URL("../..", import.meta.url));

// Two objects on every picture: one for the fast path, one for the batch.
const seen = [
    { class: "person", confidence: 0.9, bbox: { x: 2, y: 2, width: 10, height: 20 } },
    { class: "dog", confidence: 0.8, bbox: { x: 30, y: 30, width: 12, height: 8 } },
];
export const objectsPerPicture = seen.length;

// No model, short times: what is tested here is not detection.
export const quick = [
    "detect.engine=null",
    `detect.model=${join(root, "models/yolox_nano_416.json")}`,
    `detect.null_script=${JSON.stringify([seen])}`,
    "folder.min_image_bytes=100",
    "batch.idle_timeout_seconds=1",
    "batch.check_interval_seconds=0.2",
    "queue.lease=1",
    "queue.retry_base=0.1",
    "retention.disk_min_free=0",
];

export const residentMb = (daemon) => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${daemon.child.pid}/status`, "utf8"))[1]) / 1024;
export const leftMb = 80; // may stay of the hundreds that huge pictures take

export const hasSql = spawnSync("sqlite3", ["--version"]).status === 0;

// Rows of a query, as objects; read by the database's own program.
export function sql(file, query) {
    // By its input: an argument may not be as long.
    const text = execFileSync("sqlite3", ["-bail", "-cmd", ".timeout 10000", "-json", file], { input: `${query};`, encoding: "utf8", maxBuffer: 1 << 28 });
    return text.trim() === "" ? [] : JSON.parse(text);
}

export function count(file, query) {
    return Object.values(sql(file, query)[0])[0];
}

const table = Array.from({ length: 256 }, (_, n) => {
    for (let bit = 0; bit < 8; bit++) n = n & 1 ? 0xedb88320 ^ (n >>> 1) : n >>> 1;
    return n >>> 0;
});
function crc(bytes) {
    let sum = 0xffffffff;
    for (const byte of bytes) sum = table[(sum ^ byte) & 255] ^ (sum >>> 8);
    return (sum ^ 0xffffffff) >>> 0;
}

function chunk(type, data) {
    const out = Buffer.alloc(data.length + 12);
    out.writeUInt32BE(data.length, 0);
    out.write(type, 4, "latin1");
    data.copy(out, 8);
    out.writeUInt32BE(crc(out.subarray(4, data.length + 8)), data.length + 8);
    return out;
}

// A grey PNG, its own for each number. `bits` 1 or 8.
export function png({ width = 64, height = 64, bits = 8, number = 0 } = {}) {
    const head = Buffer.alloc(13);
    head.writeUInt32BE(width, 0);
    head.writeUInt32BE(height, 4);
    head[8] = bits;
    const pixels = Buffer.alloc((Math.ceil((width * bits) / 8) + 1) * height);
    return Buffer.concat([
        Buffer.from([0x89, 0x50, 0x4e, 0x47, 13, 10, 26, 10]),
        chunk("IHDR", head),
        chunk("tEXt", Buffer.from(`number\0${number}`)),
        chunk("IDAT", deflateSync(pixels)),
        chunk("IEND", Buffer.alloc(0)),
    ]);
}

// As an upload arrives: written beside, moved in whole. `name` may be bytes.
export function put(daemon, camera, name, bytes) {
    const folder = Buffer.concat([Buffer.from(daemon.cameras + "/"), Buffer.from(camera)]);
    const aside = join(daemon.folder, "aside");
    mkdirSync(folder, { recursive: true });
    writeFileSync(aside, bytes);
    renameSync(aside, Buffer.concat([folder, Buffer.from("/"), Buffer.from(name)]));
}

export function database(daemon) {
    return join(daemon.folder, "nightjar.db");
}

// Runs the program until it ends by itself: for starts that must fail.
export function runToEnd(args, folder = dirname(program)) {
    const kept = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("NIGHTJAR")));
    const child = spawn(program, args, { cwd: folder, env: kept, stdio: ["ignore", "pipe", "pipe"] });
    let text = "";
    const keep = (more) => (text += more);
    child.stdout.setEncoding("utf8").on("data", keep);
    child.stderr.setEncoding("utf8").on("data", keep);
    const timer = setTimeout(() => child.kill("SIGKILL"), 20000);
    return new Promise((resolve) =>
        child.once("close", (code, signal) => {
            clearTimeout(timer);
            resolve({ code, signal, text });
        }),
    );
}

export async function kill(daemon) {
    daemon.child.kill("SIGKILL");
    await daemon.exited;
}

// Random numbers that can be had again: the seed is printed with a failure.
export function random(seed) {
    let state = seed >>> 0;
    return () => {
        state = (state + 0x6d2b79f5) >>> 0;
        let x = Math.imul(state ^ (state >>> 15), state | 1);
        x ^= x + Math.imul(x ^ (x >>> 7), x | 61);
        return ((x ^ (x >>> 14)) >>> 0) / 4294967296;
    };
}
