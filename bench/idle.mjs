// SPDX-License-Identifier: Apache-2.0
// What the program costs while nothing happens, how much memory it holds once its model has worked,
// and how soon after its start it answers.
//
// node bench/idle.mjs [--quick] [--seconds N] [--starts N] [--json FILE]
import fs from 'node:fs';
import path from 'node:path';
import { Daemon, helper, nowUs, scratchFolder, sleep } from './lib/daemon.mjs';
import { makeUnique, moveInto } from './lib/pictures.mjs';
import { Report, flag, option, spread } from './lib/report.mjs';

const quick = flag('quick');
const seconds = Number(option('seconds', 20));
const starts = Number(option('starts', quick ? 3 : 7));
const PICTURES = 20; // until memory is what it is at work
const SETTLE_MS = 2000;
const scratch = scratchFolder();
const report = new Report('idle');

async function firstAnswers() {
    const times = [];
    for (let i = 0; i < starts; i += 1) {
        const daemon = await Daemon.start(fs.mkdtempSync(path.join(scratch, 'start-')));
        times.push(daemon.firstHealthMs);
        await daemon.stop();
    }
    return times;
}

async function atRest() {
    const daemon = await Daemon.start(scratch);
    await daemon.waitReady();
    const camera = path.join(daemon.cameras, 'idle');
    fs.mkdirSync(camera);
    moveInto(camera, makeUnique(path.join(scratch, 'staging'), PICTURES));
    await helper('rows', [daemon.store, 'wait', daemon.cameras, String(PICTURES), '60']);
    await sleep(SETTLE_MS);
    const cpu = daemon.cpuSeconds();
    const begin = nowUs();
    await sleep(seconds * 1000);
    const percent = (daemon.cpuSeconds() - cpu) / ((nowUs() - begin) / 1e6) * 100;
    const resident = daemon.residentMb();
    await daemon.stop();
    return { percent, resident };
}

const times = await firstAnswers();
const { percent, resident } = await atRest();
report.add('idle_cpu_percent', '%', percent, { atMost: 1 });
report.add('resident_mb', 'MB', resident, { atMost: 150 });
report.add('first_health_ms', 'ms', spread(times), { atMost: 300 });
process.exit(report.finish(option('json')));
