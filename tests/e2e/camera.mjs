// SPDX-License-Identifier: Apache-2.0
// RTSP servers for tests: the project's own test camera, and gst-rtsp-server's. Both print
// "listening PORT" and end with their standard input.
import { execFileSync, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../..", import.meta.url));
const START_MS = 10000;
const ANSWER_MS = 10000;
const built = dirname(process.env.NIGHTJAR ?? join(root, "build/release/nightjar"));

export const cameraProgram = join(built, "tests/camera/test-camera");
export const gstProgram = join(built, "tests/peers/gst-rtsp-server");
export const hasGst = existsSync(gstProgram);

// Path of a video of tools/make-test-video.
export function testVideo(name) {
    const tool = join(root, "tools/make-test-video");
    return execFileSync(tool, [name], { encoding: "utf8" }).trim();
}

function withDeadline(promise, ms, what) {
    let timer;
    const late = new Promise((_, reject) => {
        timer = setTimeout(() => reject(new Error(`${what}: nothing within ${ms} ms`)), ms);
    });
    return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

export class Camera {
    // `mounts`: {cam1: "path.mp4"}.
    static async start(mounts = {}, { program = cameraProgram, options = [] } = {}) {
        const camera = new Camera();
        const files = Object.entries(mounts).map(([name, file]) => `${name}=${file}`);
        camera.child = spawn(program, [...options, ...files],
            { stdio: ["pipe", "pipe", "inherit"] });
        camera.ended = new Promise((resolve) => { camera.child.once("close", resolve); });
        camera.child.stdin.on("error", () => {}); // it ended; the answer will say so
        camera.waiting = [];
        const first = camera.nextLine();
        createInterface({ input: camera.child.stdout })
            .on("line", (line) => camera.waiting.shift()?.(line))
            .on("close", () => { for (const done of camera.waiting.splice(0)) done("error ended"); });
        const line = await withDeadline(first, START_MS, program);
        const [word, port, tlsPort] = line.split(" ");
        if (word !== "listening") throw new Error(`${program}: ${line}`);
        camera.port = Number(port);
        camera.tlsPort = Number(tlsPort ?? 0);
        return camera;
    }

    nextLine() {
        return new Promise((resolve) => { this.waiting.push(resolve); });
    }

    // One line of the protocol in tests/camera/test_camera.c; what follows "ok".
    async tell(command) {
        const answer = this.nextLine();
        this.child.stdin.write(`${command}\n`);
        const line = await withDeadline(answer, ANSWER_MS, command);
        if (!/^ok\b/.test(line)) throw new Error(`${command}: ${line}`);
        return line.slice(3);
    }

    async stats(name = "") {
        return JSON.parse(await this.tell(`stats ${name}`));
    }

    url(name, credentials = "") {
        return `rtsp://${credentials && `${credentials}@`}127.0.0.1:${this.port}/${name}`;
    }

    snapshotUrl(name) {
        return `http://127.0.0.1:${this.port}/snapshot/${name}.jpg`;
    }

    async stop() {
        this.child.stdin.end();
        const killer = setTimeout(() => this.child.kill("SIGKILL"), ANSWER_MS);
        await this.ended;
        clearTimeout(killer);
    }
}
