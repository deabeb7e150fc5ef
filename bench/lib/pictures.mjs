// SPDX-License-Identifier: Apache-2.0
// The pictures of the benchmarks: frames of Debian's test video as JPEG, and copies of them of which
// no two are equal.
import { spawnSync } from 'node:child_process';
import crypto from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { root } from './daemon.mjs';

export const video = '/usr/share/doc/opencv-doc/examples/data/vtest.avi';
const JPEG_QUALITY = '3'; // of ffmpeg, about 75 KB a picture of 768x576

// Paths of all frames; cut at the first call.
export function frames() {
    const folder = path.join(root, 'build/bench/frames');
    const done = path.join(folder, 'done');
    if (!fs.existsSync(done)) {
        fs.rmSync(folder, { recursive: true, force: true });
        fs.mkdirSync(folder, { recursive: true });
        const run = spawnSync('ffmpeg', ['-v', 'error', '-i', video, '-q:v', JPEG_QUALITY,
            path.join(folder, '%04d.jpg')], { stdio: 'inherit' });
        if (run.status !== 0) throw new Error(`ffmpeg could not cut ${video} (package ffmpeg, opencv-doc)`);
        fs.writeFileSync(done, '');
    }
    return fs.readdirSync(folder).filter((name) => name.endsWith('.jpg')).sort()
        .map((name) => path.join(folder, name));
}

// The bytes of a JPEG with a comment behind its first marker.
function withComment(bytes, text) {
    const comment = Buffer.alloc(4 + text.length);
    comment.writeUInt16BE(0xfffe, 0);
    comment.writeUInt16BE(2 + text.length, 2);
    comment.write(text, 4, 'latin1');
    return Buffer.concat([bytes.subarray(0, 2), comment, bytes.subarray(2)]);
}

// `count` files in `folder`, from the frames in turn, each with a mark nobody has seen before.
export function makeUnique(folder, count, from = 0) {
    fs.mkdirSync(folder, { recursive: true });
    const sources = frames();
    const made = [];
    for (let i = 0; i < count; i += 1) {
        const file = path.join(folder, `${String(from + i).padStart(5, '0')}.jpg`);
        const bytes = fs.readFileSync(sources[(from + i) % sources.length]);
        fs.writeFileSync(file, withComment(bytes, crypto.randomUUID()));
        made.push(file);
    }
    spawnSync('sync', ['-f', folder]); // or the daemon's commits would wait for these bytes
    return made;
}

// Moves files into a camera's folder; their new paths.
export function moveInto(folder, files, prefix = '') {
    return files.map((file) => {
        const to = path.join(folder, prefix + path.basename(file));
        fs.renameSync(file, to);
        return to;
    });
}
