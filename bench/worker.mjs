// SPDX-License-Identifier: Apache-2.0
// The detector worker as its backend feels it: how fast an unchanged list is answered and that it
// restarts nothing, how punctual reports are while the machine is full, and how soon the newest
// picture is there.
//
// node bench/worker.mjs [--quick] [--part list|picture|full] [--rounds N] [--reports N]
//     [--pictures N] [--json FILE]
import fs from 'node:fs';
import http from 'node:http';
import os from 'node:os';
import path from 'node:path';
import { zip } from '../tests/e2e/archive.mjs';
import { Camera, testVideo } from '../tests/e2e/camera.mjs';
import { Backend } from '../tests/e2e/websocket.mjs';
import { Daemon, root, scratchFolder, sleep } from './lib/daemon.mjs';
import { makeUnique, moveInto } from './lib/pictures.mjs';
import { Report, flag, median, option, percentile, spread } from './lib/report.mjs';

const quick = flag('quick');
const rounds = Number(option('rounds', quick ? 5 : 20));
const reports = Number(option('reports', quick ? 8 : 31));
const pictures = Number(option('pictures', quick ? 100 : 500));
const part = option('part', 'all');
const ENTRIES = 100;
const MODEL = 'yolox_nano_416';
const REPORT_MS = 2000; // worker_protocol.report_seconds
const READY_MS = 120000;
const PICTURE_EVERY_MS = 40;
const UPLOAD_EVERY_MS = 250;
const WAKE_EVERY_MS = 10;
const LIST_EVERY_MS = 250; // beyond the pause that the worker makes between reports

const scratch = scratchFolder();
const archives = path.join(scratch, 'archives');
const archive = path.join(archives, 'people.mpta');
const report = new Report('worker');

function writeArchive() {
    const models = path.join(root, 'models');
    fs.mkdirSync(archives);
    fs.writeFileSync(archive, zip({
        'pipeline.json': JSON.stringify({ pipeline: {
            modelId: 'people', modelFile: `${MODEL}.onnx`, triggerClasses: ['person'],
            minConfidence: 0.4, tracking: { enabled: true, method: 'bytetrack' }, branches: [] } }),
        [`${MODEL}.json`]: fs.readFileSync(path.join(models, `${MODEL}.json`)),
        [`${MODEL}.onnx`]: fs.readFileSync(path.join(models, `${MODEL}.onnx`)),
    }));
}

function startDaemon(name, settings = {}) {
    const folder = path.join(scratch, name);
    return Daemon.start(folder, { settings: { 'archives.roots': JSON.stringify([archives]),
        'archives.cache_folder': path.join(scratch, 'unpacked'), 'worker.allow_loopback': true,
        'worker_protocol.report_seconds': REPORT_MS / 1000, ...settings } });
}

// One subscription after the other on the mounts in turn; each display has a crop of its own.
function entries(camera, mounts, count, { width, height }) {
    return Array.from({ length: count }, (_, i) => {
        const turn = Math.floor(i / mounts.length);
        const crop = turn === 0 ? {}
            : { cropX1: turn, cropY1: turn, cropX2: width - turn, cropY2: height - turn };
        return { subscriptionIdentifier: `display-${i};${mounts[i % mounts.length]}`,
            rtspUrl: camera.url(mounts[i % mounts.length]), modelUrl: archive,
            modelId: 1, modelName: 'people', ...crop };
    });
}

async function json(daemon, target) {
    const { status, body } = await daemon.get(target);
    if (status !== 200) throw new Error(`${target}: ${status} ${body}`);
    return JSON.parse(body);
}

// All play and have their model.
async function subscribe(daemon, list) {
    const backend = await Backend.open(daemon.port, '/ws/worker');
    backend.send({ type: 'setSubscriptionList', subscriptions: list });
    const good = (one) => one.online && one.modelState === 'ready';
    const wanted = new Set(list.map((one) => one.subscriptionIdentifier));
    await backend.next('all subscriptions at work', (message) => {
        if (message.type === 'error') throw new Error(`${message.code}: ${message.message}`);
        return message.type === 'stateReport'
            && message.cameraConnections.filter(good).length === wanted.size;
    }, READY_MS);
    return backend;
}

// How often any stream was begun: as the program tells it, and as the camera saw it.
async function beginnings(daemon, camera) {
    const { items } = await json(daemon, '/api/streams');
    const { plays, connections_ever: connections } = await camera.stats();
    const restarts = items.reduce((sum, one) => sum + one.restarts, 0);
    return { streams: items.length, restarts, plays, connections };
}

// Messages are handled in their order, so that the list counted when the error of the wrong message behind it comes. Its
// report came before that error or is the next one: reports of a moment are one.
async function answerMs(backend, list, mark) {
    const begin = performance.now();
    backend.send({ type: 'setSubscriptionList', subscriptions: list });
    backend.send({ type: mark });
    let reported = null;
    let handled = false;
    await backend.next(`the answer to ${mark}`, (message) => {
        if (message.type === 'stateReport' && message.at > begin) reported = message.at;
        if (message.type === 'error' && !message.message.includes(mark))
            throw new Error(`${message.code}: ${message.message}`);
        handled ||= message.type === 'error';
        return handled && reported !== null;
    });
    return reported - begin;
}

async function listTimes(backend, list) {
    const times = [];
    for (let i = 0; i < rounds; i += 1) {
        // The order of a list says nothing.
        times.push(await answerMs(backend, i % 2 ? [...list].reverse() : list, `mark-${i}`));
        await sleep(LIST_EVERY_MS);
    }
    return times;
}

// Ticks of all cores since the start of the machine: at work, and all.
function machineTicks() {
    const [, ...ticks] = fs.readFileSync('/proc/stat', 'utf8').split('\n')[0].split(/\s+/);
    const all = ticks.slice(0, 8).reduce((sum, one) => sum + Number(one), 0);
    return { all, busy: all - Number(ticks[3]) - Number(ticks[4]) };
}

// How much of the machine is at work, from now until the answer is called.
function watchMachine() {
    const before = machineTicks();
    return () => {
        const after = machineTicks();
        return (after.busy - before.busy) / (after.all - before.all);
    };
}

async function unchangedList() {
    const small = testVideo('small');
    const mounts = Object.fromEntries(Array.from({ length: 10 }, (_, i) => [`cam${i}`, small]));
    const camera = await Camera.start(mounts);
    // So few pictures that inference leaves the machine free.
    const daemon = await startDaemon('list', { 'worker.fps': 0.1 });
    const list = entries(camera, Object.keys(mounts), ENTRIES, { width: 320, height: 180 });
    const backend = await subscribe(daemon, list);
    await sleep(1000);
    const before = await beginnings(daemon, camera);
    const busyShare = watchMachine();
    const times = await listTimes(backend, list);
    const busy = busyShare();
    await sleep(500); // a restart would have begun
    const after = await beginnings(daemon, camera);
    backend.drop();
    await daemon.stop();
    await camera.stop();
    report.add('set_subscription_list_ms', 'ms', spread(times), { atMost: 20 });
    report.add('set_subscription_list_max_ms', 'ms', Math.max(...times), { atMost: 20 });
    report.add('list_busy_share', 'share', busy);
    report.add('stream_restarts', 'restarts', Math.abs(after.streams - before.streams)
        + after.restarts - before.restarts + after.plays - before.plays
        + after.connections - before.connections, { atMost: 0 });
}

// One picture: its time, its name and its size.
function picture(agent, daemon, id) {
    return new Promise((resolve, reject) => {
        const begin = performance.now();
        http.get({ host: '127.0.0.1', port: daemon.port, agent,
            path: `/camera/${encodeURIComponent(id)}/image` }, (response) => {
            let bytes = 0;
            response.on('data', (chunk) => { bytes += chunk.length; }).on('end', () => {
                if (response.statusCode !== 200) reject(new Error(`picture: ${response.statusCode}`));
                else resolve({ ms: performance.now() - begin, etag: response.headers.etag, bytes });
            });
        }).on('error', reject);
    });
}

async function pictureTimes(daemon, id) {
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
    const times = { all: [], changed: [], unchanged: [] };
    let last = (await picture(agent, daemon, id)).etag;
    let bytes = 0;
    for (let i = 0; i < pictures; i += 1) {
        await sleep(PICTURE_EVERY_MS);
        const one = await picture(agent, daemon, id);
        times.all.push(one.ms);
        times[one.etag === last ? 'unchanged' : 'changed'].push(one.ms);
        last = one.etag;
        ({ bytes } = one);
    }
    agent.destroy();
    if (times.changed.length < pictures / 20 || times.unchanged.length === 0)
        throw new Error(`${times.changed.length} of ${pictures} pictures were new ones`);
    return { ...times, bytes };
}

async function newestPicture() {
    const camera = await Camera.start({ cam1: testVideo('bench1') });
    const daemon = await startDaemon('picture');
    const list = entries(camera, ['cam1'], 1, {});
    const backend = await subscribe(daemon, list);
    await sleep(1000);
    const busyShare = watchMachine();
    const times = await pictureTimes(daemon, list[0].subscriptionIdentifier);
    const busy = busyShare();
    backend.drop();
    await daemon.stop();
    await camera.stop();
    report.add('frame_get_ms', 'ms', spread(times.all), { atMost: 5 });
    report.add('frame_get_p99_ms', 'ms', percentile(times.all, 0.99));
    for (const kind of ['unchanged', 'changed']) {
        report.add(`frame_get_${kind}_ms`, 'ms', spread(times[kind]), { atMost: 5 });
        report.add(`frame_get_${kind}_p99_ms`, 'ms', percentile(times[kind], 0.99));
    }
    report.add('frame_busy_share', 'share', busy);
    report.add('frame_bytes', 'bytes', times.bytes);
}

async function inferences(daemon) {
    const { body } = await daemon.get('/api/metrics');
    return Number(/^inference_seconds_count\S* (\d+)/m.exec(body)?.[1] ?? 0);
}

// No report since the start was sent later than this, as the program itself says.
async function sentLateMs(daemon) {
    const { body } = await daemon.get('/api/metrics');
    const buckets = [...body.matchAll(/^worker_report_delay_seconds_bucket\{le="([^"]+)"\} (\d+)/gm)];
    const all = buckets.at(-1)?.[2];
    const bound = buckets.find(([, , count]) => count === all)?.[1];
    return Number(bound) * 1000; // of "+Inf" it is no number, and is shown so
}

// A backend has a machine of its own; ours at least goes before what it measures.
function goFirst() {
    try {
        os.setPriority(process.pid, os.constants.priority.PRIORITY_HIGHEST);
    } catch {
        console.error('bench: no right to a higher priority: the client waits like the program');
    }
}

// Calls `step` again and again until stop(), which resolves to how often it was done.
function repeat(everyMs, step) {
    let going = true;
    let done = 0;
    const loop = (async () => {
        for (; going; done += 1) {
            await sleep(everyMs);
            if (going) step(done);
        }
        return done;
    })();
    return { stop: () => { going = false; return loop; } };
}

// How late this process itself wakes: no report can be seen to be more punctual.
function watchWaking() {
    const late = [];
    let due = performance.now() + WAKE_EVERY_MS;
    const timer = setInterval(() => {
        const now = performance.now();
        late.push(Math.max(0, now - due));
        due = now + WAKE_EVERY_MS;
    }, WAKE_EVERY_MS);
    return () => { clearInterval(timer); return late; };
}

// The greatest distance of an arrival from the beat whose phase is that of the earliest one. A
// report that was sent beside the beat, because something changed, is nobody's beat.
function jitterOf(arrivals, count) {
    const phases = arrivals.map((at) => (at - arrivals[0] + REPORT_MS / 2) % REPORT_MS);
    const middle = median(phases);
    const first = arrivals[0] + middle - REPORT_MS / 2;
    const beats = Array.from({ length: count }, (_, i) => {
        const due = first + i * REPORT_MS;
        return arrivals.reduce((best, at) => (
            Math.abs(at - due) < Math.abs(best) ? at - due : best), Infinity);
    });
    const earliest = Math.min(...beats);
    return { deviations: beats.map((one) => one - earliest), beside: arrivals.length - count };
}

async function fullMachine() {
    const mounts = Object.fromEntries([1, 2, 3, 4].map((n) => [`cam${n}`, testVideo(`bench${n}`)]));
    const camera = await Camera.start(mounts);
    const daemon = await startDaemon('full');
    await daemon.waitReady();
    const uploadFolder = path.join(daemon.cameras, 'uploads');
    fs.mkdirSync(uploadFolder);
    const lengthMs = (reports + 1) * REPORT_MS;
    const files = makeUnique(path.join(scratch, 'staging'), Math.ceil(lengthMs / UPLOAD_EVERY_MS) + 8);
    const list = entries(camera, Object.keys(mounts), ENTRIES, { width: 1280, height: 720 });
    const backend = await subscribe(daemon, list);
    goFirst(); // everything else is started
    await sleep(REPORT_MS);
    const uploads = repeat(UPLOAD_EVERY_MS, (i) => {
        if (i < files.length) moveInto(uploadFolder, [files[i]]);
    });
    const waking = watchWaking();
    const look = async () => ({ inferences: await inferences(daemon),
        cpu: daemon.cpuSeconds(), at: performance.now() });
    const before = await look();
    const busyShare = watchMachine();
    backend.messages.length = 0;
    await sleep(reports * REPORT_MS + REPORT_MS / 2);
    const busy = busyShare();
    const after = await look();
    const seconds = (after.at - before.at) / 1000;
    const arrivals = backend.messages.filter((one) => one.type === 'stateReport').map((one) => one.at);
    const late = waking();
    const sentLate = await sentLateMs(daemon);
    const { deviations, beside } = jitterOf(arrivals, reports);
    const loaded = await listTimes(backend, list);
    const shown = await pictureTimes(daemon, list[0].subscriptionIdentifier).catch(() => null);
    const uploaded = await uploads.stop();
    backend.drop();
    await daemon.stop();
    await camera.stop();
    report.add('state_report_jitter_ms', 'ms', { value: Math.max(...deviations),
        low: Math.min(...deviations), high: Math.max(...deviations) }, { atMost: 100 });
    report.add('state_report_typical_ms', 'ms', median(deviations));
    report.add('state_report_sent_late_ms', 'ms', sentLate);
    report.add('state_reports_beside', 'reports', beside);
    report.add('client_wake_max_ms', 'ms', Math.max(...late));
    report.add('load_busy_share', 'share', busy, { atLeast: 0.9 });
    report.add('load_daemon_cores', 'cores', (after.cpu - before.cpu) / seconds);
    report.add('load_inferences', '1/s', (after.inferences - before.inferences) / seconds);
    report.add('load_uploads', 'files', uploaded);
    report.add('set_subscription_list_full_ms', 'ms', spread(loaded));
    if (shown) report.add('frame_get_full_ms', 'ms', spread(shown.all));
}

writeArchive();
const parts = { list: unchangedList, picture: newestPicture, full: fullMachine };
for (const [name, measure] of Object.entries(parts)) if (part === 'all' || part === name) await measure();
process.exit(report.finish(option('json')));
