// SPDX-License-Identifier: Apache-2.0
// The program under measurement and the helpers beside it, as processes: start, look at, stop.
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import path from 'node:path';
import readline from 'node:readline';
import { fileURLToPath } from 'node:url';

export const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..');
const program = process.env.NIGHTJAR ?? path.join(root, 'build/release/nightjar');
const helpers = path.join(root, 'build/release/bench');
const TICKS_PER_S = 100; // USER_HZ, the same on every Linux
const STOP_MS = 45000;

export function sleep(ms) {
    return new Promise((resolve) => { setTimeout(resolve, ms); });
}

// Monotonic microseconds, the clock of CLOCK_MONOTONIC.
export function nowUs() {
    return Number(process.hrtime.bigint() / 1000n);
}

// A folder that goes when the process ends.
export function scratchFolder() {
    fs.mkdirSync(path.join(root, 'build/bench'), { recursive: true });
    const folder = fs.mkdtempSync(path.join(root, 'build/bench/run-'));
    process.on('exit', () => fs.rmSync(folder, { recursive: true, force: true }));
    return folder;
}

function onCores(cores, command) {
    return cores ? ['taskset', '-c', cores, ...command] : command;
}

function freePort() {
    return new Promise((resolve, reject) => {
        const server = net.createServer();
        server.on('error', reject);
        server.listen(0, '127.0.0.1', () => {
            const { port } = server.address();
            server.close(() => resolve(port));
        });
    });
}

const running = new Set();
process.on('exit', () => { for (const child of running) child.kill('SIGKILL'); });
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(130));

function launch(command, stdio) {
    const [file, ...args] = command;
    const child = spawn(file, args, { stdio });
    running.add(child);
    child.ended = new Promise((resolve) => {
        child.on('error', (error) => { running.delete(child); resolve(error.message); });
        child.on('close', (code, signal) => { running.delete(child); resolve(code ?? signal); });
    });
    return child;
}

function get(port, target) {
    return new Promise((resolve, reject) => {
        http.get({ host: '127.0.0.1', port, path: target, agent: false }, (response) => {
            let body = '';
            response.setEncoding('utf8').on('data', (text) => { body += text; })
                .on('end', () => resolve({ status: response.statusCode, body }));
        }).on('error', reject);
    });
}

export class Daemon {
    // `cores`: a list for taskset, or nothing; `settings`: {"group.name": value}.
    static async start(folder, { cores, settings = {} } = {}) {
        const daemon = new Daemon();
        daemon.port = await freePort();
        daemon.folder = folder;
        daemon.cameras = path.join(folder, 'cameras');
        daemon.store = path.join(folder, 'nightjar.db');
        fs.mkdirSync(daemon.cameras, { recursive: true });
        const all = { 'folder.root': daemon.cameras, 'store.path': daemon.store,
            'app.media_folder': path.join(folder, 'pictures'), 'http.port': daemon.port,
            'detect.models_folder': path.join(root, 'models'), 'log.level': 'warning', ...settings };
        const sets = Object.entries(all).flatMap(([name, value]) => ['--set', `${name}=${value}`]);
        const log = fs.openSync(path.join(folder, 'log'), 'a');
        const begin = nowUs();
        daemon.child = launch(onCores(cores, [program, 'run', ...sets]), ['ignore', log, log]);
        fs.closeSync(log);
        daemon.child.ended.then((how) => { daemon.how = how; });
        await daemon.waitHealthy();
        daemon.firstHealthMs = (nowUs() - begin) / 1000;
        return daemon;
    }

    async waitHealthy() {
        for (let tries = 0; tries < 5000 && this.how === undefined; tries += 1) {
            const answer = await get(this.port, '/health').catch(() => null);
            if (answer?.status === 200) return;
            await sleep(2);
        }
        const log = fs.readFileSync(path.join(this.folder, 'log'), 'utf8').slice(-2000);
        throw new Error(`the daemon does not answer (${this.how ?? 'running'}):\n${log}`);
    }

    get(target) { return get(this.port, target); }

    // Waits until the detector is there, which comes after the first answer on /health.
    async waitReady() {
        for (let tries = 0; tries < 3000; tries += 1) {
            if ((await get(this.port, '/ready').catch(() => null))?.status === 200) return;
            await sleep(10);
        }
        throw new Error('the daemon does not become ready');
    }

    cpuSeconds() {
        const stat = fs.readFileSync(`/proc/${this.child.pid}/stat`, 'utf8');
        const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
        return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_S;
    }

    residentMb() {
        const status = fs.readFileSync(`/proc/${this.child.pid}/status`, 'utf8');
        return Number(/VmRSS:\s+(\d+)/.exec(status)[1]) / 1024;
    }

    async stop() {
        this.child.kill('SIGTERM');
        const late = setTimeout(() => this.child.kill('SIGKILL'), STOP_MS);
        const how = await this.child.ended;
        clearTimeout(late);
        if (how !== 0) console.error(`bench: the daemon ended with ${how}`);
    }
}

// Runs a helper program of bench/ to its end; its whole output.
export async function helper(name, args, { cores, input } = {}) {
    const child = launch(onCores(cores, [path.join(helpers, `bench_${name}`), ...args]),
        ['pipe', 'pipe', 'inherit']);
    let output = '';
    child.stdout.setEncoding('utf8').on('data', (text) => { output += text; });
    child.stdin.on('error', () => {});
    child.stdin.end(input ?? '');
    const code = await child.ended;
    if (code !== 0) throw new Error(`bench_${name} ${args.join(' ')} ended with ${code}`);
    return output;
}

// A helper that goes on: `line` is called with each line it prints.
export function companion(name, args, line) {
    const child = launch([path.join(helpers, `bench_${name}`), ...args],
        ['pipe', 'pipe', 'inherit']);
    child.stdin.on('error', () => {});
    readline.createInterface({ input: child.stdout }).on('line', line);
    return { ask: (text) => child.stdin.write(`${text}\n`), stop: () => { child.kill(); return child.ended; } };
}
