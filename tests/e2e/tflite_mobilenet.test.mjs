// SPDX-License-Identifier: Apache-2.0
// tools/tflite2onnx.mjs on the whole of MobileNet v2. The ready ONNX file was made by another program
// from a quantised file of Google's; that file is made again from it, exactly, and converted here:
// both are the same network, and the real program finds the same with them.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { convert } from '../../tools/tflite2onnx.mjs';
import { program, video } from './daemon.mjs';
import { readOnnx } from './onnx_file.mjs';
import { quantise } from './quantised.mjs';
import { writeTflite } from './tflite_file.mjs';

const models = path.join(path.dirname(fileURLToPath(import.meta.url)), '..', '..', 'models');
const ready = path.join(models, 'mobilenet_v2_224.onnx');
const { models: pinned } = JSON.parse(readFileSync(path.join(models, 'models.lock'), 'utf8'));
const sum = existsSync(ready) && createHash('sha256').update(readFileSync(ready)).digest('hex');
const skip = pinned.every(({ sha256 }) => sha256 !== sum) && 'no mobilenet_v2_224.onnx as pinned (./dev setup examples)';
const folder = mkdtempSync(path.join(os.tmpdir(), 'nj-mobilenet-'));
after(() => rmSync(folder, { recursive: true, force: true }));

// What a graph computes, whichever way its values lie in memory: its operations, what each takes, its
// constants, and the limits that its result is held to.
function stepsOf({ nodes, constants, inputs }) {
  const steps = [{ type: 'input', shape: [...inputs.values()][0] }];
  const made = new Map([[[...inputs.keys()][0], 0]]); // name of a value to its step
  for (const { type, inputs: names, outputs, attributes } of nodes) {
    const from = names.filter((name) => made.has(name)).map((name) => made.get(name));
    if (type === 'Clip') {
      const limits = names.slice(1).map((name) => constants.get(name).values[0]);
      assert.deepEqual(steps[from[0]].limits ?? limits, limits); // held twice is held to the same
      steps[from[0]].limits = limits;
    } else if (type !== 'Transpose') {
      const known = type === 'Conv' ? { attributes, constants: names.slice(1).map((name) => constants.get(name)) } : {};
      steps.push({ type, from, ...known });
    }
    made.set(outputs[0], type === 'Clip' || type === 'Transpose' ? from[0] : steps.length - 1);
  }
  return steps;
}

const bytesOf = ({ values }) => Buffer.from(values.buffer, values.byteOffset, values.byteLength);

test('a whole quantised MobileNet v2 becomes the network that another converter made of it', { skip }, () => {
  const graph = readOnnx(readFileSync(ready));
  const expected = stepsOf(graph);
  const steps = stepsOf(readOnnx(convert(writeTflite(quantise(graph)))));
  const shape = (step) => ({ ...step, constants: step.constants?.map(({ dims }) => dims) });
  assert.deepEqual(steps.map(shape), expected.map(shape));
  const kernels = steps.flatMap(({ constants = [] }, at) => constants.map((mine, i) => [mine, expected[at].constants[i]]));
  assert.equal(kernels.length, 2 * 53);
  for (const [mine, theirs] of kernels) assert.ok(bytesOf(mine).equals(bytesOf(theirs)));
});

// Probabilities have four digits in what the program prints; the last one may be rounded either way.
const TOLERANCE = 0.00011;
const pictures = ['baboon', 'board', 'fruits', 'messi5', 'orange', 'stuff'].map((name) =>
  path.join(path.dirname(video), `${name}.jpg`));

function detect(name, bytes) {
  const manifest = JSON.parse(readFileSync(path.join(models, 'mobilenet_v2_imagenet.json'), 'utf8'));
  const { sha256, ...rest } = manifest;
  const all = { threshold: 0.001, top: rest.classes.length, name, weights: `${name}.onnx` };
  writeFileSync(path.join(folder, `${name}.onnx`), bytes);
  writeFileSync(path.join(folder, `${name}.json`), JSON.stringify({ ...rest, ...all }));
  const words = ['detect', '--json', '--model', path.join(folder, `${name}.json`), ...pictures];
  return JSON.parse(execFileSync(program, words, { encoding: 'utf8' })).map(({ detections }) => detections);
}

test('the converted MobileNet v2 gives pictures the classes and probabilities of the ready one', { skip }, () => {
  const bytes = readFileSync(ready);
  const expected = detect('ready', bytes);
  const found = detect('converted', convert(writeTflite(quantise(readOnnx(bytes)))));
  assert.deepEqual(expected.map(([{ class: name }]) => name),
    ['baboon', 'modem', 'lemon', 'soccer ball', 'orange', 'wall clock']);
  expected.forEach((classes, i) => {
    assert.equal(found[i][0].class, classes[0].class);
    const mine = new Map(found[i].map(({ class: name, confidence }) => [name, confidence]));
    for (const { class: name, confidence } of classes) {
      if (confidence < 0.0012) continue; // at the threshold
      const error = Math.abs((mine.get(name) ?? 0) - confidence);
      assert.ok(error <= TOLERANCE, `${pictures[i]}: ${name} ${mine.get(name)}, not ${confidence}`);
    }
  });
});
