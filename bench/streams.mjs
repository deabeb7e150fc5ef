// SPDX-License-Identifier: Apache-2.0
// What live cameras cost before anything is detected: 720p at 15 frames a second in, 640x360 at 5
// out, beside an ffmpeg process a camera and beside OpenCV. The server is a process of its own and
// does not count.
//
// node bench/streams.mjs [--quick] [--pairs N] [--seconds N] [--server gst] [--json FILE]
//
// --seconds: of the steady part of a run
import { Camera, gstProgram, testVideo } from '../tests/e2e/camera.mjs';
import { sleep } from './lib/daemon.mjs';
import { Contestant, helperPath, python } from './lib/contestant.mjs';
import { Report, flag, option, spread } from './lib/report.mjs';

const quick = flag('quick');
const pairs = Number(option('pairs', quick ? 2 : 7));
const seconds = Number(option('seconds', quick ? 4 : 10));
const STREAMS = 4;
const MANY = 16;
const MANY_RUNS = quick ? 1 : 3;
const FPS = 5;
const SETTLE_MS = 1500; // starting is over: the first pictures came, caches are warm
const FRAMES_SHARE = 0.9; // of FPS, or the run did not do the work

const videos = [1, 2, 3, 4].map((n) => testVideo(`bench${n}`));
const mounts = Object.fromEntries(
    Array.from({ length: MANY }, (_, i) => [`cam${i + 1}`, videos[i % videos.length]]));
for (let i = 1; i <= STREAMS; i += 1) mounts[`still${i}`] = testVideo('bench-still');
const server = await Camera.start(mounts,
    option('server') === 'gst' ? { program: gstProgram } : {});
const urls = (count, name = 'cam') => Array.from({ length: count },
    (_, i) => server.url(`${name}${i + 1}`));

const contestants = {
    ours: (count) => [helperPath('streams'), ...urls(count)],
    full: (count) => [helperPath('streams'), ...urls(count, 'still')],
    still: (count) => [helperPath('streams'), '--still', 'yes', ...urls(count, 'still')],
    child: (count) => python('ffmpeg_children', urls(count)),
    opencv: (count) => python('opencv_capture', urls(count)),
};

// CPU seconds a second over the steady part, and PSS in MB at its end. Starting does not count: some
// need seconds for it, in which they do not decode.
async function measure(name, count) {
    const contestant = await Contestant.start(contestants[name](count));
    await sleep(SETTLE_MS);
    const begin = contestant.look();
    await sleep(seconds * 1000);
    const end = contestant.look();
    const frames = await contestant.stop();
    const took = (end.atUs - begin.atUs) / 1e6;
    if (name !== 'still' && frames < FRAMES_SHARE * FPS * count * took)
        throw new Error(`${name}: ${frames} pictures of ${count} streams in ${took} s`);
    return { cores: (end.cpuSeconds - begin.cpuSeconds) / took, pss: end.pssMb };
}

const order = ['ours', 'child', 'opencv', 'full', 'still'];
const rounds = [];
for (let i = 0; i < pairs; i += 1) {
    const round = {};
    for (const name of i % 2 ? [...order].reverse() : order)
        round[name] = await measure(name, STREAMS);
    rounds.push(round);
}
const many = [];
for (let i = 0; i < MANY_RUNS; i += 1) many.push(await measure('ours', MANY));
await server.stop();

const ratio = (a, b, what) => spread(rounds.map((round) => round[a][what] / round[b][what]));
const each = (name, what) => spread(rounds.map((round) => round[name][what]));
const report = new Report('streams');
report.add('cpu_vs_child', 'ratio', ratio('ours', 'child', 'cores'), { atMost: 0.85 });
report.add('cpu_vs_opencv', 'ratio', ratio('ours', 'opencv', 'cores'), { atMost: 0.75 });
report.add('pss_vs_child', 'ratio', ratio('ours', 'child', 'pss'), { atMost: 0.40 });
report.add('pss_vs_opencv', 'ratio', ratio('ours', 'opencv', 'pss'), { atMost: 0.35 });
report.add('keyframe_only_vs_full', 'ratio', ratio('still', 'full', 'cores'), { atMost: 0.25 });
report.add('cores_16_streams', 'cores', spread(many.map((run) => run.cores)), { atMost: 0.7 });
for (const name of order) {
    report.add(`cores_${name}`, 'cores', each(name, 'cores'));
    report.add(`pss_mb_${name}`, 'MB', each(name, 'pss'));
}
report.add('pss_mb_16_streams', 'MB', spread(many.map((run) => run.pss)));
process.exit(report.finish(option('json')));
