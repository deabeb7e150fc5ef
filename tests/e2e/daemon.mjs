// SPDX-License-Identifier: Apache-2.0
// Starts the real program for a test: a free port, folders of its own, none of the caller's settings.
import { spawn } from "node:child_process";
import { mkdir, mkdtemp, readFile, rename, rm, writeFile } from "node:fs/promises";
import { appendFileSync, existsSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../..", import.meta.url));
const READY_MS = 30000;
const PROGRESS_MS = 30000;
const STOP_MS = 35000;
const LOG_KEPT = 200000;

export const program = process.env.NIGHTJAR ?? join(root, "build/release/nightjar");
export const video = "/usr/share/doc/opencv-doc/examples/data/vtest.avi";

export function street(path = video) {
    const source = { id: "street", name: "Street", kind: "file", path, loop: true, paced: true };
    return [`sources.list=${JSON.stringify([source])}`];
}

export function freePort() {
    return new Promise((resolve, reject) => {
        const server = createServer();
        server.once("error", reject);
        server.listen(0, "127.0.0.1", () => {
            const { port } = server.address();
            server.close(() => resolve(port));
        });
    });
}

// Asks until the answer pleases; the deadline says what was waited for.
export async function until(what, ask, ms = 10000) {
    const deadline = Date.now() + ms;
    for (;;) {
        const answer = await ask();
        if (answer) return answer;
        if (Date.now() > deadline) throw new Error(`${what} did not come about within ${ms} ms`);
        await new Promise((later) => setTimeout(later, 50));
    }
}

// Tells how far a long test is as tests/fake/progress.h does: in the file that NJ_PROGRESS names.
export function progress(what, whole) {
    const begun = Date.now();
    let told = begun;
    return (done) => {
        if (!process.env.NJ_PROGRESS || (done < whole && Date.now() - told < PROGRESS_MS)) return;
        told = Date.now();
        appendFileSync(process.env.NJ_PROGRESS, `long: ${what} ${done} of ${whole}, ${Math.round((told - begun) / 1000)} s\n`);
    };
}

function environment() {
    const kept = Object.entries(process.env).filter(([name]) => !name.startsWith("NIGHTJAR"));
    return Object.fromEntries(kept);
}

// The same JPEG with a comment of its own: bytes that came before are taken as a repetition.
function withComment(jpeg, text) {
    const marker = Buffer.alloc(4);
    marker.writeUInt16BE(0xfffe, 0);
    marker.writeUInt16BE(text.length + 2, 2);
    return Buffer.concat([jpeg.subarray(0, 2), marker, Buffer.from(text), jpeg.subarray(2)]);
}

export class Daemon {
    static async start({ set = [], port, folder } = {}) {
        const daemon = new Daemon();
        daemon.port = port ?? (await freePort());
        daemon.folder = folder ?? (await mkdtemp(join(tmpdir(), "nightjar-e2e-")));
        daemon.cameras = join(daemon.folder, "cameras");
        daemon.settings = set;
        await mkdir(daemon.cameras, { recursive: true });
        await daemon.run();
        return daemon;
    }

    get url() {
        return `http://127.0.0.1:${this.port}`;
    }

    arguments() {
        const settings = [
            `http.port=${this.port}`,
            `folder.root=${this.cameras}`,
            `store.path=${join(this.folder, "nightjar.db")}`,
            `app.media_folder=${join(this.folder, "pictures")}`,
            `api.web_root=${join(root, "web/dist")}`,
            ...this.settings,
        ];
        return ["run", ...settings.flatMap((one) => ["--set", one])];
    }

    async run() {
        if (!existsSync(program)) throw new Error(`${program} is not built; NIGHTJAR names another one`);
        this.log = "";
        this.child = spawn(program, this.arguments(), { cwd: this.folder, env: environment(), stdio: ["ignore", "pipe", "pipe"] });
        const keep = (text) => (this.log = (this.log + text).slice(-LOG_KEPT));
        this.child.stdout.setEncoding("utf8").on("data", keep);
        this.child.stderr.setEncoding("utf8").on("data", keep);
        this.exited = new Promise((resolve) => this.child.once("exit", (code, signal) => resolve({ code, signal })));
        let gone = null;
        void this.exited.then((end) => (gone = end));
        try {
            await until("readiness", async () => {
                if (gone) throw new Error(`the program ended: ${JSON.stringify(gone)}`);
                return this.isReady();
            }, READY_MS);
        } catch (error) {
            this.child.kill("SIGKILL");
            throw new Error(`${error.message}\n${this.log}`);
        }
    }

    async isReady() {
        try {
            return (await fetch(`${this.url}/health`)).ok && (await fetch(`${this.url}/ready`)).ok;
        } catch {
            return false;
        }
    }

    async json(path, options) {
        const response = await fetch(this.url + path, options);
        if (!response.ok) throw new Error(`${path} answers ${response.status}: ${await response.text()}`);
        return response.json();
    }

    // As an upload arrives: written elsewhere, moved in whole.
    async upload(picture, camera = "front_door", name = basename(picture)) {
        const place = join(this.cameras, camera);
        const beside = join(this.folder, `upload-${name}`);
        await mkdir(place, { recursive: true });
        await writeFile(beside, withComment(await readFile(picture), `${camera}/${name} ${Date.now()}`));
        await rename(beside, join(place, name));
    }

    // Ends by the id of our own child; resolves to how it ended.
    async stop() {
        if (this.child.exitCode === null && this.child.signalCode === null) this.child.kill("SIGTERM");
        const timer = setTimeout(() => this.child.kill("SIGKILL"), STOP_MS);
        const end = await this.exited;
        clearTimeout(timer);
        return end;
    }

    async destroy() {
        const end = await this.stop();
        await rm(this.folder, { recursive: true, force: true });
        return end;
    }
}

// A picture with a person: given ones first, else a frame of the video.
export async function personPicture(folder) {
    const given = join(dirname(root.replace(/\/$/, "")), "shared/data/media/person.jpg");
    if (existsSync(given)) return given;
    const out = join(folder, "person.jpg");
    const ffmpeg = spawn("ffmpeg", ["-v", "error", "-y", "-ss", "20", "-i", video, "-frames:v", "1", out], { stdio: "ignore" });
    const code = await new Promise((resolve) => ffmpeg.once("exit", resolve));
    if (code !== 0) throw new Error("ffmpeg could not cut a frame out of the video");
    return out;
}
