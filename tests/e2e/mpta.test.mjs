// SPDX-License-Identifier: Apache-2.0
// nightjar mpta as a person calls it: words, exit codes, what is printed, what is left behind.
import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { program as named, until } from './daemon.mjs';

const source = path.join(path.dirname(fileURLToPath(import.meta.url)), '..', '..');
const program = path.resolve(named);
const picture = path.join(source, 'tests', 'fuzz', 'seeds', 'frames_picture', '420_exif.jpg');
const manifest = {
  name: 'a',
  weights: 'a.onnx',
  decoder: 'yolox',
  threshold: 0.5,
  input: { width: 32, height: 32 },
  classes: ['car'],
};

let folder;

beforeEach(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'nj-mpta-'));
  mkdirSync(path.join(folder, 'tmp'));
  mkdirSync(path.join(folder, 'in'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function mpta(...args) {
  return new Promise((resolve) => {
    const env = { ...process.env, TMPDIR: path.join(folder, 'tmp') };
    execFile(program, ['mpta', ...args], { cwd: folder, env }, (error, stdout, stderr) => {
      assert.deepEqual(readdirSync(path.join(folder, 'tmp')), []); // nothing is left behind
      resolve({ code: error ? error.code : 0, stdout, stderr });
    });
  });
}

function put(pipeline, model = 'a', servers = {}) {
  writeFileSync(path.join(folder, 'in', 'pipeline.json'), JSON.stringify({ ...servers, pipeline }));
  writeFileSync(path.join(folder, 'in', `${model}.onnx`), 'weights');
  writeFileSync(path.join(folder, 'in', `${model}.json`), JSON.stringify({ ...manifest, weights: `${model}.onnx` }));
}

test('what is packed is checked and its tree is printed', async () => {
  put({ modelId: 'cars', modelFile: 'a.onnx', triggerClasses: ['car'], tracking: { method: 'botsort' } });
  assert.deepEqual(await mpta('pack', 'in/'), { code: 0, stdout: 'in.mpta\n', stderr: '' });
  const { code, stdout } = await mpta('check', 'in.mpta');
  assert.equal(code, 0);
  assert.match(stdout, /^sha256 [0-9a-f]{64}\ncars, on car\n/);
  assert.match(stdout, /a\.onnx: detects at 32x32, 7 bytes, sha256 [0-9a-f]{64}/);
  assert.match(stdout, /warning: pipeline\.tracking\.method: each method is served/);
});

test('a password that the site does not give is a warning of the check', async () => {
  put({ modelId: 'cars', modelFile: 'a.onnx' }, 'a', { redis: { host: 'r', port: 6379, password: 'env:TMPDIR' } });
  await mpta('pack', 'in');
  const { code, stdout } = await mpta('check', 'in.mpta');
  assert.equal(code, 0);
  assert.match(stdout, /^warning: redis\.password: actions for this server will become dead letters: 'env:TMPDIR' is not in archives\.secrets$/m);
  const listed = await mpta('check', 'in.mpta', '--set', 'archives.secrets=["env:TMPDIR"]');
  assert.doesNotMatch(listed.stdout, /warning/);
});

test('a mistake is told with its path, and no archive is made', async () => {
  put({ modelId: 'cars', modelFile: 'a.onnx', minConfidence: 2 });
  const { code, stderr } = await mpta('pack', 'in', '-o', 'out.mpta');
  assert.equal(code, 1);
  assert.match(stderr, /pipeline\.minConfidence: must be a number from 0 to 1/);
  assert.equal(existsSync(path.join(folder, 'out.mpta')), false);
});

test('weights that are not those of the manifest fail the check', async () => {
  put({ modelId: 'cars', modelFile: 'a.onnx' });
  writeFileSync(path.join(folder, 'in', 'a.json'), JSON.stringify({ ...manifest, sha256: '0'.repeat(64) }));
  await mpta('pack', 'in');
  const { code, stderr } = await mpta('check', 'in.mpta');
  assert.equal(code, 1);
  assert.match(stderr, /pipeline: a\.onnx: its SHA-256 is [0-9a-f]{64}, the manifest says 0{64}/);
});

test('converting asks for what it needs and says how to export', async () => {
  put({ modelId: 'cars', modelFile: 'a.onnx' });
  await mpta('pack', 'in');
  const usage = await mpta('convert', 'in.mpta');
  assert.equal(usage.code, 2);
  assert.match(usage.stderr, /--models FOLDER and -o FILE/);
  const { code, stdout } = await mpta('convert', 'in.mpta', '--models', 'in', '-o', 'new.mpta');
  assert.deepEqual({ code, stdout }, { code: 0, stdout: 'new.mpta\n' });
});

test('an archive runs on pictures, and its actions stay in a folder', async () => {
  put({
    modelId: 'cars',
    modelFile: 'a.onnx',
    actions: [
      { type: 'redis_save_image', key: 'k:{uuid}' },
      { type: 'publish_message', topic: 't', message: '{track_id}' }, // which no picture has
    ],
  });
  await mpta('pack', 'in');
  const script = JSON.stringify([[{ class: 'car', confidence: 0.9, bbox: { x: 1, y: 1, width: 9, height: 9 } }]]);
  const sets = ['--set', 'detect.engine=null', '--set', `detect.null_script=${script}`];
  const { code, stdout, stderr } = await mpta('run', 'in.mpta', picture, '--json', '--keep', 'kept', ...sets);
  assert.equal(code, 0, stderr);
  const [result] = JSON.parse(stdout);
  assert.equal(result.found, true);
  assert.equal(result.detections[0].class, 'car');
  assert.match(result.session_id, /^[0-9a-f-]{36}$/);
  assert.match(stderr, new RegExp(`Action skipped .*session_id=${result.session_id} error="no value for 'track_id'"`));
  assert.match(stderr, /actions: 1 done, 1 skipped, 0 failed; kept in kept/);
  assert.equal(readdirSync(path.join(folder, 'kept', 'pictures', 'saved')).length, 1);
  assert.ok(existsSync(path.join(folder, 'kept', 'nightjar.db')));
});

// A run that would take long, and how it ends.
async function interrupted(interrupt, start = [program]) {
  put({ modelId: 'cars', modelFile: 'a.onnx' });
  await mpta('pack', 'in');
  const [command, ...words] = [...start, 'mpta', 'run', 'in.mpta', ...Array(5000).fill(picture), '--set', 'detect.engine=null'];
  const env = { ...process.env, TMPDIR: path.join(folder, 'tmp') };
  const child = spawn(command, words, { cwd: folder, env, stdio: ['ignore', 'pipe', 'pipe'] });
  child.stderr.setEncoding('utf8').on('data', (text) => (child.said = (child.said ?? '') + text));
  await interrupt(child);
  const [code, signal] = await once(child, 'close');
  assert.deepEqual(readdirSync(env.TMPDIR), []); // nothing is left behind
  return { code, signal, said: child.said };
}

test('a run that is interrupted ends soon and leaves nothing behind', async () => {
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
    const end = await interrupted(async (child) => {
      child.stdout.resume();
      await until('the folders of the run', () => readdirSync(path.join(folder, 'tmp')).length === 2);
      child.kill(name);
    });
    assert.deepEqual(end, { code: 1, signal: null, said: 'nightjar mpta run: interrupted\n' }, name);
  }
});

test('a run that nohup started goes on when its terminal is closed', async () => {
  const end = await interrupted(async (child) => {
    let pictures = 0;
    child.stdout.setEncoding('utf8').on('data', (text) => (pictures += text.split('420_exif.jpg').length - 1));
    await until('a picture', () => pictures > 0);
    child.kill('SIGHUP');
    const seen = pictures;
    await until('a hundred more', () => pictures > seen + 100);
    child.kill('SIGTERM');
  }, ['sh', '-c', "trap '' HUP; exec \"$@\"", 'sh', program]);
  assert.equal(end.said, 'nightjar mpta run: interrupted\n');
});

test('a run whose reader goes away ends and leaves nothing behind', async () => {
  const end = await interrupted((child) => child.stdout.destroy());
  assert.deepEqual(end, { code: 1, signal: null, said: 'nightjar mpta run: interrupted\n' });
});

test('wrong words are told from failures by their code', async () => {
  for (const args of [[], ['frob'], ['check'], ['run', 'x.mpta'], ['check', 'x', '--frob']]) assert.equal((await mpta(...args)).code, 2, args.join(' '));
  assert.equal((await mpta('--help')).code, 0);
  assert.equal((await mpta('check', 'absent.mpta')).code, 1);
  assert.match(readFileSync(path.join(source, 'docs', 'mpta.md'), 'utf8'), /nightjar mpta run FILE/);
});
