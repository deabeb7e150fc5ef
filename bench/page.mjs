// SPDX-License-Identifier: Apache-2.0
// How soon somebody who opens the page sees something: the built page of the real program, in
// Debian's Chromium, each time with an empty cache.
//
// node bench/page.mjs [--quick] [--loads N] [--json FILE]
import fs from 'node:fs';
import path from 'node:path';
import zlib from 'node:zlib';
import { openBrowser, openPage } from '../tests/e2e/browser.mjs';
import { Daemon, street, until } from '../tests/e2e/daemon.mjs';
import { root } from './lib/daemon.mjs';
import { Report, flag, option, spread } from './lib/report.mjs';

const loads = Number(option('loads', flag('quick') ? 5 : 21));
const WARM_LOADS = 2; // the browser's own start is none of ours
const report = new Report('page');

// Runs in the page, before its own script.
function watch() {
    const look = () => {
        window.firstView ??= document.querySelector('main h2') && performance.now();
        window.firstCamera ??= document.querySelector('[data-camera] img')?.complete && performance.now();
        if (!window.firstCamera) requestAnimationFrame(look);
    };
    look();
}

async function load(browser, url) {
    const { page, context } = await openPage(browser);
    await page.addInitScript(watch);
    await page.goto(url);
    await page.waitForFunction(() => window.firstCamera);
    const times = await page.evaluate(() => ({
        paint: performance.getEntriesByName('first-contentful-paint')[0].startTime,
        view: window.firstView,
        camera: window.firstCamera,
    }));
    await context.close();
    return times;
}

function bundleKb() {
    const folder = path.join(root, 'web/dist/assets');
    const bytes = fs.readdirSync(folder).filter((name) => /\.(js|css)$/.test(name))
        .map((name) => zlib.gzipSync(fs.readFileSync(path.join(folder, name))).length);
    return bytes.reduce((sum, one) => sum + one, 0) / 1024;
}

const daemon = await Daemon.start({ set: street() });
const browser = await openBrowser();
const times = [];
try {
    await until('a picture of the camera', async () => (await fetch(`${daemon.url}/api/cameras/street/snapshot`)).ok);
    for (let i = 0; i < WARM_LOADS + loads; i += 1) times.push(await load(browser, daemon.url));
} finally {
    await browser.close();
    await daemon.destroy();
}
times.splice(0, WARM_LOADS);
report.add('first_paint_ms', 'ms', spread(times.map(({ paint }) => paint)), { atMost: 300 });
report.add('first_view_ms', 'ms', spread(times.map(({ view }) => view)));
report.add('first_camera_ms', 'ms', spread(times.map(({ camera }) => camera)));
report.add('bundle_kb', 'KiB gzip', bundleKb(), { atMost: 150 });
process.exit(report.finish(option('json')));
