// SPDX-License-Identifier: Apache-2.0
// tools/fetch-models in a tree of its own: what it accepts, from where, and what it refuses.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import os from 'node:os';
import path from 'node:path';
import { after, before, beforeEach, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { convert } from '../../tools/tfjs2onnx.mjs';

const source = path.join(path.dirname(fileURLToPath(import.meta.url)), '..', '..');
const right = Buffer.from('the weights as they are pinned');
const wrong = Buffer.from('the weights as they are Pinned');
const sha256 = createHash('sha256').update(right).digest('hex');

let tree;
let server;
let address;
let served;

before(async () => {
  server = http.createServer((request, response) => {
    served.push(request.url);
    response.end(request.url === '/right' ? right : wrong);
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  address = `http://127.0.0.1:${server.address().port}`;
});

after(() => {
  server.close();
  if (tree) rmSync(tree, { recursive: true, force: true }); // none was picked by its name
});

beforeEach(() => {
  if (tree) rmSync(tree, { recursive: true, force: true });
  tree = mkdtempSync(path.join(os.tmpdir(), 'nj-models-'));
  served = [];
  mkdirSync(path.join(tree, 'root', 'models'), { recursive: true });
  mkdirSync(path.join(tree, 'given'));
  cpSync(path.join(source, 'tools'), path.join(tree, 'root', 'tools'), { recursive: true });
});

function writeLock(...models) {
  const rows = models.map((m) => ({ name: 'm', file: 'm.onnx', sha256, size: right.length, ...m }));
  writeFileSync(path.join(tree, 'root', 'models', 'models.lock'), JSON.stringify({ version: 1, models: rows }));
}

function fetchModels(...args) {
  return new Promise((resolve) => {
    const tool = path.join(tree, 'root', 'tools', 'fetch-models');
    const env = { ...process.env, NIGHTJAR_MODEL_DIR: path.join(tree, 'given') };
    execFile(process.execPath, [tool, ...args], { env }, (error, stdout, stderr) => {
      resolve({ code: error ? error.code : 0, text: stderr });
    });
  });
}

const placed = (file = 'm.onnx') => path.join(tree, 'root', 'models', file);

test('a model in the given folder is taken and nobody is asked', async () => {
  writeLock({ upstream: [`${address}/right`] });
  writeFileSync(path.join(tree, 'given', 'm.onnx'), right);
  assert.equal((await fetchModels()).code, 0);
  assert.deepEqual(readFileSync(placed()), right);
  assert.deepEqual(served, []);
});

test('a damaged file is passed over for the upstream address', async () => {
  writeLock({ upstream: [`${address}/wrong`, `${address}/right`] });
  writeFileSync(path.join(tree, 'given', 'm.onnx'), wrong);
  const result = await fetchModels();
  assert.equal(result.code, 0);
  assert.match(result.text, /given.*is not used/);
  assert.deepEqual(readFileSync(placed()), right);
  assert.deepEqual(served, ['/wrong', '/right']);
});

test('nothing is put in place without the checksum, and nothing is left over', async () => {
  writeLock({ upstream: [`${address}/wrong`] });
  assert.equal((await fetchModels()).code, 1); // and no fallback is pinned here
  assert.deepEqual(readdirSync(path.join(tree, 'root', 'models')), ['models.lock']);
});

test('a damaged model in place is replaced', async () => {
  writeLock({ upstream: [`${address}/right`] });
  writeFileSync(placed(), wrong);
  await fetchModels();
  assert.deepEqual(readFileSync(placed()), right);
});

test('the fallback is taken when the preferred is not to be had, and upstream is asked once', async () => {
  writeLock({ upstream: [`${address}/wrong`] }, { name: 'f', file: 'f.onnx', fallback: true });
  writeFileSync(path.join(tree, 'given', 'f.onnx'), right);
  const first = await fetchModels();
  assert.equal(first.code, 0);
  assert.match(first.text, /fallback/);
  assert.ok(existsSync(placed('f.onnx')));
  served = [];
  assert.equal((await fetchModels()).code, 0);
  assert.deepEqual(served, []);
  assert.equal((await fetchModels('--upstream')).code, 0);
  assert.deepEqual(served, ['/wrong']);
});

test('without any model it says so and fails', async () => {
  writeLock({ upstream: [] }, { name: 'f', file: 'f.onnx', fallback: true });
  const result = await fetchModels();
  assert.equal(result.code, 1);
  assert.match(result.text, /f is not to be had/);
});

test('models of a group come by name or group, with what belongs to them, and not by themselves', async () => {
  const keys = Buffer.from('a\nb\n');
  const row = {
    name: 'reader',
    group: 'examples',
    file: 'reader.onnx',
    known_as: 'upstream_name.onnx',
    with: [{ file: 'reader.txt', sha256: createHash('sha256').update(keys).digest('hex'), size: keys.length }],
  };
  writeLock({ upstream: [] }, row);
  writeFileSync(path.join(tree, 'given', 'm.onnx'), right);
  writeFileSync(path.join(tree, 'given', 'upstream_name.onnx'), right);
  writeFileSync(path.join(tree, 'given', 'reader.txt'), keys);
  assert.equal((await fetchModels()).code, 0);
  assert.ok(!existsSync(placed('reader.onnx')));
  assert.equal((await fetchModels('--group', 'examples')).code, 0);
  assert.deepEqual(readFileSync(placed('reader.onnx')), right);
  assert.deepEqual(readFileSync(placed('reader.txt')), keys);
  rmSync(placed('reader.txt'));
  rmSync(path.join(tree, 'given', 'reader.txt'));
  const result = await fetchModels('reader');
  assert.equal(result.code, 1); // the weights alone are of no use
  assert.match(result.text, /reader\.onnx \(upstream_name\.onnx\)/);
});

test('a name or group that the lock does not have is refused with those it has', async () => {
  writeLock({ group: 'examples' });
  const name = await fetchModels('n');
  assert.equal(name.code, 1);
  assert.match(name.text, /no model 'n' in models\.lock: m/);
  assert.match((await fetchModels('--group', 'none')).text, /no group 'none'/);
});

test('a lock cannot have anything but models and texts written, nor elsewhere', async () => {
  writeLock({ group: 'g', file: 'm.mjs' });
  writeFileSync(path.join(tree, 'given', 'm.mjs'), right);
  assert.equal((await fetchModels('m')).code, 1);
  assert.ok(!existsSync(placed('m.mjs')));
  writeLock({ group: 'g', file: '../m.onnx' });
  writeFileSync(path.join(tree, 'm.onnx'), right);
  assert.equal((await fetchModels('m')).code, 1);
});

// A network of the form that the converter reads: an input of 2x2 pixels and these nodes.
function writeNetwork(nodes, weights, bytes) {
  const model = {
    format: 'graph-model',
    signature: { outputs: { out: { tensorShape: { dim: [1, 2, 2, 1].map((size) => ({ size: String(size) })) } } } },
    modelTopology: {
      node: [
        {
          name: 'x',
          op: 'Placeholder',
          attr: { shape: { shape: { dim: [1, 2, 2, 3].map((size) => ({ size: String(size) })) } } },
        },
        ...nodes,
      ],
    },
    weightsManifest: [{ paths: ['w.bin'], weights }],
  };
  const file = path.join(tree, 'model.json');
  writeFileSync(file, JSON.stringify(model));
  writeFileSync(path.join(tree, 'w.bin'), bytes);
  return file;
}

const weight = { name: 'w', shape: [1, 1, 3, 1], dtype: 'float32' };
const convolution = {
  name: 'out',
  op: 'Conv2D',
  input: ['x', 'w'],
  attr: {
    padding: { s: Buffer.from('SAME').toString('base64') },
    strides: { list: { i: ['1', '1', '1', '1'] } },
    dilations: { list: { i: ['1', '1', '1', '1'] } },
  },
};

test('the converter gives the same bytes each time and names what it does not know', () => {
  const file = writeNetwork([convolution], [weight], Buffer.alloc(12));
  assert.deepEqual(convert(file, ['out']), convert(file, ['out']));
  assert.throws(() => convert(file, ['none']), /no output none/);
  const strange = writeNetwork([{ name: 'out', op: 'FFT', input: ['x'], attr: {} }], [], Buffer.alloc(0));
  assert.throws(() => convert(strange, ['out']), /FFT is not supported/);
});

test('the converter refuses weights of the wrong length', () => {
  for (const length of [8, 16]) {
    const file = writeNetwork([convolution], [weight], Buffer.alloc(length));
    assert.throws(() => convert(file, ['out']), /too early|too many/);
  }
});
