// SPDX-License-Identifier: Apache-2.0
// The main job: pictures moved into the watched folder become rows. Throughput and CPU beside the
// bare loop (bound.c) on one core and on two, latency of single files beside the bare loop's, and
// whether every file has exactly the detections it should have.
//
// node bench/ingest.mjs [--quick] [--files N] [--pairs N] [--singles N] [--part throughput|latency]
//                       [--json FILE]
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { Daemon, companion, helper, nowUs, root, scratchFolder, sleep } from './lib/daemon.mjs';
import { makeUnique, moveInto } from './lib/pictures.mjs';
import { Report, flag, median, option, percentile, spread } from './lib/report.mjs';
import { listen } from './lib/websocket.mjs';

const quick = flag('quick');
const files = Number(option('files', quick ? 200 : 800));
const pairs = Number(option('pairs', quick ? 3 : 7));
const singles = Number(option('singles', quick ? 60 : 200));
const part = option('part', 'both');
const SINGLE_EVERY_MS = 500;
const ANSWER_MS = 5000;
const RUN_LIMIT_S = 300;
const WARM_FILES = 40;

const scratch = scratchFolder();
const report = new Report('ingest');
const wrong = { checked: 0, files: [] };

// Seen from outside: rows of each file, by plain SQL.
async function rowsByFile(daemon) {
    const lines = (await helper('rows', [daemon.store, 'dump'])).split('\n').filter(Boolean);
    return new Map(lines.map((line) => {
        const space = line.indexOf(' ');
        return [line.slice(space + 1), Number(line.slice(0, space))];
    }));
}

async function checkRows(daemon, moved, expected) {
    const rows = await rowsByFile(daemon);
    for (const file of moved) {
        wrong.checked += 1;
        if ((rows.get(file) ?? 0) !== expected.get(path.basename(file)))
            wrong.files.push(`${file}: ${rows.get(file) ?? 0} rows, ${expected.get(path.basename(file))} expected`);
    }
}

class Course {
    constructor(threads, cores) {
        Object.assign(this, { threads, cores, speed: [], cpu: [], bound: [], rate: [],
            cpuMs: [], boundCpuMs: [] });
    }

    async start() {
        const folder = fs.mkdtempSync(path.join(scratch, 'daemon-'));
        this.staging = path.join(folder, 'staging');
        this.daemon = await Daemon.start(folder, { cores: this.cores });
        await this.daemon.waitReady();
        this.camera = path.join(this.daemon.cameras, 'bench');
        fs.mkdirSync(this.camera);
        await this.send(makeUnique(this.staging, WARM_FILES), 'warm-');
    }

    // Moves the files in; seconds and CPU seconds until the last one's rows are stored.
    async send(made, prefix) {
        const end = helper('rows', [this.daemon.store, 'wait', path.join(this.camera, prefix),
            String(made.length), String(RUN_LIMIT_S)]);
        await sleep(200); // the watcher beside is there
        const cpu = this.daemon.cpuSeconds();
        const begin = nowUs();
        this.moved = moveInto(this.camera, made, prefix);
        const stored = Number(await end);
        return { wall: (stored - begin) / 1e6, cpu: this.daemon.cpuSeconds() - cpu };
    }

    async runBound(paths) {
        return JSON.parse(await helper('bound', ['run', '--threads', String(this.threads)],
            { cores: this.cores, input: `${paths.join('\n')}\n` }));
    }

    // One pair; which of both comes first alternates.
    async pair(number) {
        const prefix = `run${number}-`;
        const made = makeUnique(this.staging, files);
        let bound = number % 2 ? await this.runBound(made) : null;
        const ours = await this.send(made, prefix);
        bound = bound ?? await this.runBound(this.moved);
        const expected = new Map(Object.entries(bound.detections)
            .map(([file, count]) => [prefix + path.basename(file).replace(prefix, ''), count]));
        await checkRows(this.daemon, this.moved, expected);
        this.speed.push(bound.wall_s / ours.wall);
        this.cpu.push(bound.cpu_s / ours.cpu);
        this.bound.push((bound.engine_wall_s / bound.engine_runs) / (bound.wall_s / files));
        this.rate.push(files / ours.wall);
        this.cpuMs.push(ours.cpu / files * 1e3);
        this.boundCpuMs.push(bound.cpu_s / files * 1e3);
        console.log(`${this.threads} core(s), pair ${number}: ${(files / ours.wall).toFixed(1)} images/s,`
            + ` bound ${(files / bound.wall_s).toFixed(1)}; CPU ms/image ${(ours.cpu / files * 1e3).toFixed(2)},`
            + ` bound ${(bound.cpu_s / files * 1e3).toFixed(2)}`);
        for (const file of this.moved) fs.rmSync(file);
    }
}

async function throughput() {
    const courses = [new Course(1, String(os.cpus().length - 1))];
    if (os.cpus().length > 1) courses.push(new Course(2, '0,1'));
    for (const course of courses) {
        await course.start();
        for (let i = 0; i < pairs; i += 1) await course.pair(i);
        await course.daemon.stop();
    }
    for (const course of courses) {
        const cores = `${course.threads}core`;
        report.add(`throughput_${cores}_vs_bound`, 'ratio', spread(course.speed), { atLeast: 0.9 });
        report.add(`images_per_s_${cores}`, '1/s', spread(course.rate));
    }
    const [one] = courses;
    report.add('cpu_vs_bound', 'ratio', spread(one.cpu), { atLeast: 0.9 });
    if (courses[1]) report.add('cpu_vs_bound_2core', 'ratio', spread(courses[1].cpu));
    report.add('cpu_ms_per_image', 'ms', spread(one.cpuMs));
    report.add('bound_cpu_ms_per_image', 'ms', spread(one.boundCpuMs));
    report.add('bound_vs_engine', 'ratio', spread(one.bound), { atLeast: 0.78 });
}

// Resolves with what was pushed, or null after a time-out.
class Mailbox {
    push(value) { if (this.resolve) this.resolve(value); else this.value = this.value ?? value; }

    reset() { this.value = undefined; this.resolve = undefined; }

    take() {
        if (this.value !== undefined) return Promise.resolve(this.value);
        return new Promise((resolve) => {
            const late = setTimeout(() => resolve(null), ANSWER_MS);
            this.resolve = (value) => { clearTimeout(late); resolve(value); };
        });
    }
}

// What the disk alone takes for a page that must be safe, as each commit needs it.
function flushMs(file, block) {
    const begin = nowUs();
    fs.writeSync(file, block);
    fs.fdatasyncSync(file);
    return (nowUs() - begin) / 1000;
}

async function latency() {
    const folder = fs.mkdtempSync(path.join(scratch, 'daemon-'));
    const manifest = JSON.parse(fs.readFileSync(path.join(root, 'models/yolox_nano_416.json'), 'utf8'));
    const daemon = await Daemon.start(folder, { settings: {
        'batch.fast_path_confidence_threshold': 0.05,
        'batch.fast_path_object_types': manifest.classes.join(',') } });
    await daemon.waitReady();
    const camera = path.join(daemon.cameras, 'bench');
    fs.mkdirSync(camera);
    const made = makeUnique(path.join(folder, 'staging'), singles + 10);
    const boxes = { row: new Mailbox(), event: new Mailbox(), bare: new Mailbox(), ready: new Mailbox() };
    const rows = companion('rows', [daemon.store, 'follow'], (line) => {
        if (line === 'ready') boxes.ready.push(true);
        else boxes.row.push(Number(line.slice(0, line.indexOf(' '))));
    });
    const bare = companion('bound', ['serve'], (line) => boxes.bare.push(line.split(' ').map(Number)));
    const socket = await listen(daemon.port, '/ws/events', (text) => {
        const at = nowUs();
        if (text.startsWith('{"type":"event"') || JSON.parse(text).type === 'event') boxes.event.push(at);
    });
    if (await boxes.ready.take() === null) throw new Error('the watcher of rows does not start');
    const seen = { row: [], event: [], bare: [], flush: [] };
    const block = Buffer.alloc(4096);
    const probe = fs.openSync(path.join(folder, 'flush'), 'w');
    let missing = 0;
    for (const [index, file] of made.entries()) {
        const next = sleep(SINGLE_EVERY_MS);
        for (const box of Object.values(boxes)) box.reset();
        const begin = nowUs();
        const [moved] = moveInto(camera, [file], 'single-');
        const [row, event] = await Promise.all([boxes.row.take(), boxes.event.take()]);
        await sleep(SINGLE_EVERY_MS / 2 - (nowUs() - begin) / 1000);
        bare.ask(moved);
        const [ms, count] = await boxes.bare.take() ?? [];
        const flush = flushMs(probe, block);
        if (index >= made.length - singles) {
            if (row === null || event === null || !(count > 0)) missing += 1;
            else {
                seen.row.push((row - begin) / 1000);
                seen.event.push((event - begin) / 1000);
                seen.bare.push(ms);
                seen.flush.push(flush);
            }
        }
        await next;
    }
    fs.closeSync(probe);
    socket.destroy();
    await Promise.all([rows.stop(), bare.stop()]);
    await daemon.stop();
    reportLatency(seen, missing);
}

function reportLatency(seen, missing) {
    const typical = median(seen.bare);
    const over = (values, share) => percentile(values, share) - typical;
    report.add('bare_ms', 'ms', { value: typical, low: Math.min(...seen.bare), high: Math.max(...seen.bare) });
    report.add('bare_p99_ms', 'ms', percentile(seen.bare, 0.99));
    report.add('flush_p50_ms', 'ms', spread(seen.flush));
    report.add('flush_p99_ms', 'ms', percentile(seen.flush, 0.99));
    for (const [name, values] of [['row', seen.row], ['event', seen.event]]) {
        report.add(`${name}_p50_ms`, 'ms', spread(values));
        report.add(`${name}_p99_ms`, 'ms', percentile(values, 0.99));
    }
    report.add('row_p50_over_bare_ms', 'ms', over(seen.row, 0.5), { atMost: 3 });
    report.add('row_p99_over_bare_ms', 'ms', over(seen.row, 0.99), { atMost: 12 });
    report.add('event_p50_over_bare_ms', 'ms', over(seen.event, 0.5));
    report.add('event_p99_over_bare_ms', 'ms', over(seen.event, 0.99), { atMost: 15 });
    report.add('singles_unanswered', 'files', missing, { atMost: 0 });
}

if (part !== 'latency') await throughput();
if (part !== 'throughput') await latency();
if (wrong.checked) {
    for (const line of wrong.files.slice(0, 10)) console.error(`bench: ${line}`);
    report.add('files_checked', 'files', wrong.checked);
    report.add('files_wrong', 'files', wrong.files.length, { atMost: 0 });
}
process.exit(report.finish(option('json')));
