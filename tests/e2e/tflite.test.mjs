// SPDX-License-Identifier: Apache-2.0
// tools/tflite2onnx.mjs: a small quantised network, written here, gives in the real program what
// plain loops over its de-quantised weights give.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import zlib from 'node:zlib';
import { convert } from '../../tools/tflite2onnx.mjs';
import { readOnnx } from './onnx_file.mjs';
import * as tf from './tflite_file.mjs';

const root = path.join(path.dirname(fileURLToPath(import.meta.url)), '..', '..');
const program = process.env.NIGHTJAR ?? path.join(root, 'build', 'release', 'nightjar');
const folder = mkdtempSync(path.join(os.tmpdir(), 'nj-tflite-'));
after(() => rmSync(folder, { recursive: true, force: true }));

const SIDE = 32;

// --- A network: convolution, depthwise convolution, sum, mean, classes.
const dice = (() => {
  let state = 12345;
  return () => (state = (state * 1103515245 + 12345) % 2147483648) / 2147483648;
})();
const int8s = (count) => Array.from({ length: count }, () => Math.floor(dice() * 255) - 127);

const tensors = [
  { name: 'picture', dims: [1, SIDE, SIDE, 3], type: tf.UINT8, scales: [1 / 255], zeros: [0] },
  {
    name: 'kernel', dims: [4, 3, 3, 3], type: tf.INT8,
    scales: [0.002, 0.003, 0.001, 0.004], zeros: [0, 0, 0, 0], data: int8s(108),
  },
  { name: 'shift', dims: [4], type: tf.INT32, scales: [1e-5], zeros: [0], data: [2000, -1000, 500, 30000] },
  { name: 'first', dims: [1, 16, 16, 4], type: tf.UINT8, scales: [6 / 255], zeros: [0] },
  {
    name: 'spread', dims: [1, 3, 3, 4], type: tf.INT8, axis: 3,
    scales: [0.005, 0.002, 0.003, 0.001], zeros: [0, 0, 0, 0], data: int8s(36),
  },
  // Nothing below -0.2 can be held here: the limit shows in the result.
  { name: 'second', dims: [1, 16, 16, 4], type: tf.UINT8, scales: [0.01], zeros: [20] },
  { name: 'sum', dims: [1, 16, 16, 4], type: tf.UINT8, scales: [0.03], zeros: [10] },
  { name: 'axes', dims: [2], type: tf.INT32, data: [1, 2] },
  { name: 'mean', dims: [1, 4], type: tf.UINT8, scales: [0.03], zeros: [10] },
  { name: 'weights', dims: [3, 4], type: tf.INT8, scales: [0.02], zeros: [0], data: int8s(12) },
  { name: 'logits', dims: [1, 3], type: tf.INT8, scales: [0.1], zeros: [0] },
  { name: 'classes', dims: [1, 3], type: tf.UINT8, scales: [1 / 256], zeros: [0] },
  { name: 'opened', dims: [3, 4], type: tf.FLOAT32 }, // the weights, de-quantised by the model itself
];

const convolution = { 0: ['i8', 0], 1: ['i32', 2], 2: ['i32', 2], 3: ['i8', 3] };
const depthwise = { 0: ['i8', 0], 1: ['i32', 1], 2: ['i32', 1], 3: ['i32', 1] };
const operators = [
  { kind: tf.CONV_2D, inputs: [0, 1, 2], outputs: [3], options: convolution },
  { kind: tf.DEPTHWISE_CONV_2D, inputs: [3, 4, -1], outputs: [5], options: depthwise },
  { kind: tf.ADD, inputs: [3, 5], outputs: [6], options: {} },
  { kind: tf.MEAN, inputs: [6, 7], outputs: [8], options: {} },
  { kind: tf.DEQUANTIZE, inputs: [9], outputs: [12], options: {} },
  { kind: tf.FULLY_CONNECTED, inputs: [8, 12, -1], outputs: [10], options: {} },
  { kind: tf.SOFTMAX, inputs: [10], outputs: [11], options: { 0: ['f32', 1] } },
];

const writeModel = (rows = operators) => tf.writeTflite({ tensors, operators: rows, inputs: [0], outputs: [11] });

// --- The same by plain loops, channels last.
function held(tensor, value) {
  const [least, greatest] = tensor.type === tf.UINT8 ? [0, 255] : [-128, 127];
  const low = (least - tensor.zeros[0]) * tensor.scales[0];
  return Math.min(Math.max(value, low), (greatest - tensor.zeros[0]) * tensor.scales[0]);
}

const plain = (t, i, channel) => t.data[i] * (t.scales[channel] ?? t.scales[0]);

function convolved(input, side, channels, { stride, out, weight }) {
  const count = Math.ceil(side / stride);
  const before = Math.floor(Math.max((count - 1) * stride + 3 - side, 0) / 2);
  const result = new Float64Array(count * count * out);
  for (let y = 0; y < count; y++)
    for (let x = 0; x < count; x++)
      for (let o = 0; o < out; o++)
        for (let ky = 0; ky < 3; ky++)
          for (let kx = 0; kx < 3; kx++) {
            const [row, column] = [y * stride + ky - before, x * stride + kx - before];
            if (row < 0 || column < 0 || row >= side || column >= side) continue;
            for (let c = 0; c < channels; c++)
              result[(y * count + x) * out + o] += input[(row * side + column) * channels + c] * weight(o, ky, kx, c);
          }
  return result;
}

function expected(pixels) {
  const [, kernel, shift, first, spread, second, sum, , mean, weights, logits] = tensors;
  const one = convolved(pixels, SIDE, 3, {
    stride: 2, out: 4, weight: (o, y, x, c) => plain(kernel, ((o * 3 + y) * 3 + x) * 3 + c, o),
  }).map((v, i) => held(first, Math.min(Math.max(v + shift.data[i % 4] * 1e-5, 0), 6)));
  const two = convolved(one, 16, 4, {
    stride: 1, out: 4, weight: (o, y, x, c) => (c === o ? plain(spread, (y * 3 + x) * 4 + o, o) : 0),
  }).map((v) => held(second, v));
  const means = [0, 0, 0, 0];
  one.forEach((v, i) => (means[i % 4] += held(sum, v + two[i]) / 256));
  const values = [0, 1, 2].map((row) =>
    held(logits, means.reduce((total, v, i) => total + held(mean, v) * plain(weights, row * 4 + i, 0), 0)));
  const powers = values.map(Math.exp);
  return powers.map((v) => v / powers.reduce((a, b) => a + b));
}

// --- A picture as PNG, every pixel its own.
function writePicture(file) {
  const pixels = Buffer.alloc(SIDE * SIDE * 3).map(() => Math.floor(dice() * 256));
  const row = (y) => Buffer.concat([Buffer.from([0]), pixels.subarray(y * SIDE * 3, (y + 1) * SIDE * 3)]);
  const rows = Array.from({ length: SIDE }, (_, y) => row(y));
  const chunk = (type, data) => {
    const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
    const ends = Buffer.alloc(8);
    ends.writeUInt32BE(data.length, 0);
    ends.writeUInt32BE(checksum(body), 4);
    return Buffer.concat([ends.subarray(0, 4), body, ends.subarray(4)]);
  };
  const header = Buffer.from([0, 0, 0, SIDE, 0, 0, 0, SIDE, 8, 2, 0, 0, 0]);
  const body = zlib.deflateSync(Buffer.concat(rows));
  const parts = [chunk('IHDR', header), chunk('IDAT', body), chunk('IEND', Buffer.alloc(0))];
  writeFileSync(file, Buffer.concat([Buffer.from('89504e470d0a1a0a', 'hex'), ...parts]));
  return Float64Array.from(pixels, (v) => v / 255);
}

// zlib.crc32 came with Node 22.
function checksum(bytes) {
  if (zlib.crc32) return zlib.crc32(bytes);
  let rest = ~0;
  for (const byte of bytes) {
    rest ^= byte;
    for (let bit = 0; bit < 8; bit++) rest = (rest >>> 1) ^ (rest & 1 ? 0xedb88320 : 0);
  }
  return ~rest >>> 0;
}

test('a quantised network gives what its de-quantised weights give', () => {
  const picture = path.join(folder, 'picture.png');
  const manifest = path.join(folder, 'small.json');
  const probabilities = expected(writePicture(picture));
  writeFileSync(path.join(folder, 'small.onnx'), convert(writeModel()));
  writeFileSync(manifest, JSON.stringify({
    name: 'small', weights: 'small.onnx', decoder: 'classes', threshold: 0.001, classes: ['a', 'b', 'c'],
    input: { width: SIDE, height: SIDE, fit: 'stretch', layout: 'nhwc', scale: 1 / 255 },
  }));
  const text = execFileSync(program, ['detect', '--json', '--model', manifest, picture], { encoding: 'utf8' });
  const found = Object.fromEntries(JSON.parse(text)[0].detections.map((d) => [d.class, d.confidence]));
  ['a', 'b', 'c'].forEach((name, i) => {
    const error = Math.abs((found[name] ?? 0) - probabilities[i]);
    assert.ok(error < 0.0002, `${name}: ${found[name]}, not ${probabilities[i]}`);
  });
  assert.ok(new Set(probabilities.map((p) => p.toFixed(2))).size === 3); // the classes can be told apart
});

// Limits that the result of one sum is held to, by an activation and by what its tensor can hold.
function limitsOf(activation, held) {
  const ends = [0, 1].map((i) => ({ name: `end ${i}`, dims: [1, 4], type: tf.FLOAT32, ...(i ? held : {}) }));
  const options = { 0: ['i8', activation] };
  const operators = [{ kind: tf.ADD, inputs: [0, 0], outputs: [1], options }];
  const { nodes, constants } = readOnnx(convert(tf.writeTflite({ tensors: ends, operators, inputs: [0], outputs: [1] })));
  const kept = nodes.filter(({ type }) => type !== 'Add' && type !== 'Transpose');
  return kept.map(({ type, inputs }) => [type, ...inputs.slice(1).map((name) => constants.get(name).values[0])]);
}

test('an activation and what its tensor can hold are one limit', () => {
  const held = { type: tf.INT8, scales: [0.25], zeros: [-96] };
  const [least, greatest] = [-8, 55.75];
  const cases = [
    [0, {}, []],
    [1, {}, [['Relu']]],
    [2, {}, [['Clip', -1, 1]]],
    [3, {}, [['Clip', 0, 6]]],
    [0, held, [['Clip', least, greatest]]],
    [1, held, [['Clip', 0, greatest]]],
    [3, held, [['Clip', 0, 6]]],
    [3, { ...held, scales: [0.015625] }, [['Clip', 0, 3.484375]]],
  ];
  for (const [activation, tensor, limits] of cases)
    assert.deepEqual(limitsOf(activation, tensor), limits, `activation ${activation} of ${JSON.stringify(tensor)}`);
  assert.throws(() => limitsOf(4, held), /activation 4 is not supported/);
});

test('a constant beside a picture lies as the picture does', () => {
  const picture = { dims: [1, 2, 2, 3], type: tf.FLOAT32 };
  const inputs = [0, 1];
  const added = (other) => {
    const all = [{ name: 'a', ...picture }, { name: 'b', ...other }, { name: 'sum', ...picture }];
    const operators = [{ kind: tf.ADD, inputs, outputs: [2], options: {} }];
    const { nodes, constants } = readOnnx(convert(tf.writeTflite({ tensors: all, operators, inputs: [0], outputs: [2] })));
    const { dims, values } = constants.get(nodes.find(({ type }) => type === 'Add').inputs[1]);
    return [dims, [...values]];
  };
  const rows = { dims: [2, 2, 3], type: tf.INT32, data: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11] };
  assert.deepEqual(added(rows), [[1, 3, 2, 2], [0, 3, 6, 9, 1, 4, 7, 10, 2, 5, 8, 11]]);
  assert.deepEqual(added({ dims: [3], type: tf.INT32, data: [7, 8, 9] }), [[1, 3, 1, 1], [7, 8, 9]]);
  assert.deepEqual(added({ dims: [2, 1], type: tf.INT32, data: [7, 8] }), [[1, 1, 1, 2], [7, 8]]);
  assert.throws(() => added({ dims: [2, 3], type: tf.FLOAT32 }), /tensor b: 2 axes beside 4 are not supported/);
});

test('the converter gives the same bytes each time and names what it does not know', () => {
  const model = writeModel();
  assert.deepEqual(convert(model), convert(model));
  assert.throws(() => convert(writeModel([{ ...operators[0], kind: { code: 99, options: 1 } }])), /operation 99 of TensorFlow Lite/);
  assert.throws(() => convert(writeModel(operators.slice(1))), /tensor first is used before it is made/);
});

test('a file that is cut short or none is one clear error', () => {
  const model = writeModel();
  assert.throws(() => convert(Buffer.from('not a network at all')), /no TFL3 file/);
  assert.throws(() => convert(Buffer.alloc(0)), /no TFL3 file/);
  const clear = /damaged|bytes, not|is not supported|used before/;
  for (let part = 1; part < 10; part++)
    assert.throws(() => convert(model.subarray(0, Math.floor((model.length * part) / 10))), clear);
});

test('a wrong byte anywhere ends in a network or in one clear error', () => {
  const model = writeModel();
  for (let at = 0; at < model.length; at += 3) {
    const wrong = Buffer.from(model);
    wrong[at] = 255;
    try {
      convert(wrong);
    } catch (error) {
      assert.equal(error.constructor, Error, `byte ${at}: ${error.stack}`);
    }
  }
});
