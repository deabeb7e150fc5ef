// SPDX-License-Identifier: Apache-2.0
// How soon the program finds what arrived while it was down: 10 new pictures among 100,000 known
// files, from the start of the process until the last of the 10 is accepted.
//
// node bench/rescan.mjs [--quick] [--files N] [--starts N] [--json FILE]
import fs from 'node:fs';
import path from 'node:path';
import { Daemon, nowUs, scratchFolder, sleep } from './lib/daemon.mjs';
import { makeUnique, moveInto } from './lib/pictures.mjs';
import { Report, flag, option, spread } from './lib/report.mjs';

const quick = flag('quick');
const known = Number(option('files', quick ? 10000 : 100000));
const starts = Number(option('starts', quick ? 3 : 7));
const NEW_FILES = 10;
const CAMERAS = 20;
const LOOK_MS = 2;
const scratch = scratchFolder();
const report = new Report('rescan');

async function until(daemon, series, count) {
    for (;;) {
        const { body } = await daemon.get('/api/metrics');
        const line = body.split('\n').find((text) => text.startsWith(`${series} `));
        if (Number(line?.split(' ')[1] ?? 0) >= count) return;
        await sleep(LOOK_MS);
    }
}

// Too small for pictures: they are looked at once, refused and remembered.
function makeOldFiles(folder) {
    for (let i = 0; i < known; i += 1) {
        const camera = path.join(folder, `camera_${i % CAMERAS}`);
        if (i < CAMERAS) fs.mkdirSync(camera, { recursive: true });
        fs.writeFileSync(path.join(camera, `old_${i}.jpg`), 'old');
    }
}

async function startAgain(round) {
    const staging = path.join(scratch, `staging_${round}`);
    moveInto(path.join(scratch, 'cameras', 'camera_0'),
        makeUnique(staging, NEW_FILES, round * NEW_FILES), `new_${round}_`);
    const begin = nowUs();
    const daemon = await Daemon.start(scratch, { settings: { 'folder.dedupe_ttl_seconds': 60 } });
    await until(daemon, 'folder_files_total{result="accepted"}', NEW_FILES);
    const seconds = (nowUs() - begin) / 1e6;
    await daemon.stop();
    return seconds;
}

makeOldFiles(path.join(scratch, 'cameras'));
const first = await Daemon.start(scratch);
await until(first, 'folder_refused_files_total{reason="too_small"}', known);
await first.stop();
const times = [];
for (let round = 0; round < starts; round += 1) times.push(await startAgain(round));
report.add('rescan_s', 's', spread(times), { atMost: 1 });
process.exit(report.finish(option('json')));
