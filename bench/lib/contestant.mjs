// SPDX-License-Identifier: Apache-2.0
// A program that is measured with all its children: CPU time and proportional memory from /proc.
// It says "ready", ends with its standard input, and then says "frames N".
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import readline from 'node:readline';
import { nowUs, root } from './daemon.mjs';

const TICKS_PER_S = 100; // USER_HZ, the same on every Linux
const READY_MS = 60000;
const STOP_MS = 20000;

export function helperPath(name) {
    return path.join(root, 'build/release/bench', `bench_${name}`);
}

// Debian's Python, which has Debian's packages.
export function python(name, args) {
    return ['/usr/bin/python3', path.join(root, 'bench/baselines', `${name}.py`), ...args];
}

function childrenOf(pid) {
    const threads = fs.readdirSync(`/proc/${pid}/task`);
    return threads.flatMap((thread) => fs
        .readFileSync(`/proc/${pid}/task/${thread}/children`, 'utf8').split(' ')
        .filter(Boolean).map(Number));
}

function treeOf(pid) {
    return [pid, ...childrenOf(pid).flatMap(treeOf)];
}

// Of the process and of the children that it has waited for.
function cpuSeconds(pid) {
    const stat = fs.readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields.slice(11, 15).reduce((sum, ticks) => sum + Number(ticks), 0) / TICKS_PER_S;
}

function pssMb(pid) {
    const text = fs.readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
    return Number(/^Pss:\s+(\d+) kB/m.exec(text)[1]) / 1024;
}

function sum(values) {
    return values.reduce((a, b) => a + b, 0);
}

const running = new Set();
process.on('exit', () => { for (const child of running) child.kill('SIGKILL'); });

export class Contestant {
    static async start([file, ...args]) {
        const contestant = new Contestant();
        const child = spawn(file, args, { stdio: ['pipe', 'pipe', 'inherit'] });
        running.add(child);
        contestant.child = child;
        contestant.frames = null;
        contestant.ended = new Promise((resolve) => {
            child.on('error', (error) => { running.delete(child); resolve(error.message); });
            child.on('close', (code, signal) => { running.delete(child); resolve(code ?? signal); });
        });
        const ready = new Promise((resolve, reject) => {
            const timer = setTimeout(() => reject(new Error(`${file} is not ready`)), READY_MS);
            readline.createInterface({ input: child.stdout }).on('line', (line) => {
                const [word, number] = line.split(' ');
                if (word === 'frames') contestant.frames = Number(number);
                if (word !== 'ready') return;
                clearTimeout(timer);
                resolve();
            });
            contestant.ended.then((how) => {
                clearTimeout(timer);
                reject(new Error(`${file} ended: ${how}`));
            });
        });
        await ready;
        return contestant;
    }

    look() {
        const pids = treeOf(this.child.pid);
        return { atUs: nowUs(), cpuSeconds: sum(pids.map(cpuSeconds)), pssMb: sum(pids.map(pssMb)) };
    }

    // How many pictures it made.
    async stop() {
        this.child.stdin.end();
        const timer = setTimeout(() => this.child.kill('SIGKILL'), STOP_MS);
        const how = await this.ended;
        clearTimeout(timer);
        if (how !== 0 || this.frames === null)
            throw new Error(`${this.child.spawnfile} ended: ${how}`);
        return this.frames;
    }
}
