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

const root = path.join(path.dirname(fileURLToPath(import.meta.url)), '..', '..');
const program = process.env.NIGHTJAR ?? path.join(root, 'build', 'release', 'nightjar');
const folder = mkdtempSync(path.join(os.tmpdir(), 'nj-tflite-'));
after(() => rmSync(folder, { recursive: true, force: true }));

const SIDE = 32;

// --- FlatBuffers, written front to back: children follow their parents and are pointed to later.
const sizes = { u8: 1, i8: 1, i32: 4, u32: 4, f32: 4, i64: 8 };

class Writer {
  constructor() {
    this.bytes = Buffer.alloc(1 << 16);
    this.at = 8;
  }

  align(size) {
    this.at = Math.ceil(this.at / size) * size;
    return this.at;
  }

  put(kind, at, value) {
    const write = { u8: 'writeUInt8', i8: 'writeInt8', i32: 'writeInt32LE', u32: 'writeUInt32LE', f32: 'writeFloatLE' };
    if (kind === 'i64') this.bytes.writeBigInt64LE(BigInt(value), at);
    else this.bytes[write[kind]](value, at);
  }

  // fields: number of the field to [kind, value]; kinds besides numbers: table, tables, bytes, text,
  // and lists as "list i32".
  table(fields) {
    const ids = Object.keys(fields).map(Number);
    const vtable = this.align(2);
    const count = ids.length ? Math.max(...ids) + 1 : 0;
    this.at += 4 + 2 * count;
    const table = this.align(8);
    const later = [];
    this.at += 4;
    this.put('i32', table, table - vtable);
    for (const id of ids) {
      const [kind, value] = fields[id];
      const place = this.align(sizes[kind] ?? 4);
      this.at += sizes[kind] ?? 4;
      this.bytes.writeUInt16LE(place - table, vtable + 4 + 2 * id);
      if (sizes[kind]) this.put(kind, place, value);
      else later.push([place, kind, value]);
    }
    this.bytes.writeUInt16LE(4 + 2 * count, vtable);
    this.bytes.writeUInt16LE(this.at - table, vtable + 2);
    for (const [place, kind, value] of later) this.put('u32', place, this.child(kind, value) - place);
    return table;
  }

  child(kind, value) {
    if (kind === 'table') return this.table(value);
    if (kind === 'tables') {
      const start = this.vector(value.length, 4, 4);
      value.forEach((fields, i) => this.put('u32', start + 4 + 4 * i, this.table(fields) - (start + 4 + 4 * i)));
      return start;
    }
    if (kind === 'bytes' || kind === 'text') {
      const bytes = Buffer.from(value);
      const start = this.vector(bytes.length, 1, 16);
      bytes.copy(this.bytes, start + 4);
      return start;
    }
    const item = kind.split(' ')[1];
    const start = this.vector(value.length, sizes[item], sizes[item]);
    value.forEach((v, i) => this.put(item, start + 4 + sizes[item] * i, v));
    return start;
  }

  vector(length, size, alignment) {
    this.at = this.align(4) + 4;
    const items = this.align(alignment);
    this.at = items + size * length;
    this.put('u32', items - 4, length);
    return items - 4;
  }

  finish(fields) {
    this.put('u32', 0, this.table(fields));
    this.bytes.write('TFL3', 4, 'latin1');
    return Buffer.from(this.bytes.subarray(0, this.at));
  }
}

// --- A network: convolution, depthwise convolution, sum, mean, classes.
const dice = (() => {
  let state = 12345;
  return () => (state = (state * 1103515245 + 12345) % 2147483648) / 2147483648;
})();
const int8s = (count) => Array.from({ length: count }, () => Math.floor(dice() * 255) - 127);

const tensors = [
  { name: 'picture', dims: [1, SIDE, SIDE, 3], type: 3, scales: [1 / 255], zeros: [0] },
  {
    name: 'kernel', dims: [4, 3, 3, 3], type: 9,
    scales: [0.002, 0.003, 0.001, 0.004], zeros: [0, 0, 0, 0], data: int8s(108),
  },
  { name: 'shift', dims: [4], type: 2, scales: [1e-5], zeros: [0], data: [2000, -1000, 500, 30000] },
  { name: 'first', dims: [1, 16, 16, 4], type: 3, scales: [6 / 255], zeros: [0] },
  {
    name: 'spread', dims: [1, 3, 3, 4], type: 9, axis: 3,
    scales: [0.005, 0.002, 0.003, 0.001], zeros: [0, 0, 0, 0], data: int8s(36),
  },
  // Nothing below -0.2 can be held here: the limit shows in the result.
  { name: 'second', dims: [1, 16, 16, 4], type: 3, scales: [0.01], zeros: [20] },
  { name: 'sum', dims: [1, 16, 16, 4], type: 3, scales: [0.03], zeros: [10] },
  { name: 'axes', dims: [2], type: 2, data: [1, 2] },
  { name: 'mean', dims: [1, 4], type: 3, scales: [0.03], zeros: [10] },
  { name: 'weights', dims: [3, 4], type: 9, scales: [0.02], zeros: [0], data: int8s(12) },
  { name: 'logits', dims: [1, 3], type: 9, scales: [0.1], zeros: [0] },
  { name: 'classes', dims: [1, 3], type: 3, scales: [1 / 256], zeros: [0] },
  { name: 'opened', dims: [3, 4], type: 0 }, // the weights, de-quantised by the model itself
];

// Operations by their number in the schema: 3, 4 convolutions, 0 sum, 40 mean, 6 de-quantising, 9 matrix,
// 25 softmax.
const convolution = { 0: ['i8', 0], 1: ['i32', 2], 2: ['i32', 2], 3: ['i8', 3] };
const depthwise = { 0: ['i8', 0], 1: ['i32', 1], 2: ['i32', 1], 3: ['i32', 1] };
const operators = [
  { code: 3, inputs: [0, 1, 2], outputs: [3], options: convolution },
  { code: 4, inputs: [3, 4, -1], outputs: [5], options: depthwise },
  { code: 0, inputs: [3, 5], outputs: [6], options: {} },
  { code: 40, inputs: [6, 7], outputs: [8], options: {} },
  { code: 6, inputs: [9], outputs: [12], options: {} },
  { code: 9, inputs: [8, 12, -1], outputs: [10], options: {} },
  { code: 25, inputs: [10], outputs: [11], options: { 0: ['f32', 1] } },
];

function packed(tensor) {
  if (!tensor.data) return Buffer.alloc(0);
  return Buffer.from((tensor.type === 2 ? Int32Array : Int8Array).from(tensor.data).buffer);
}

function writeModel(rows = operators) {
  const codes = rows.map((row) => ({ 0: ['i8', row.code], 3: ['i32', row.code] }));
  const quantization = (t) => ({ 2: ['list f32', t.scales], 3: ['list i64', t.zeros], 6: ['i32', t.axis ?? 0] });
  const tables = tensors.map((t, i) => ({
    0: ['list i32', t.dims],
    1: ['i8', t.type],
    2: ['u32', i + 1],
    3: ['text', t.name],
    ...(t.scales ? { 4: ['table', quantization(t)] } : {}),
  }));
  const operations = rows.map((row, i) => ({
    0: ['u32', i],
    1: ['list i32', row.inputs],
    2: ['list i32', row.outputs],
    4: ['table', row.options],
  }));
  const main = { 0: ['tables', tables], 1: ['list i32', [0]], 2: ['list i32', [11]], 3: ['tables', operations] };
  const buffers = [{}, ...tensors.map((t) => (t.data ? { 0: ['bytes', packed(t)] } : {}))];
  return new Writer().finish({ 0: ['i32', 3], 1: ['tables', codes], 2: ['tables', [main]], 4: ['tables', buffers] });
}

// --- The same by plain loops, channels last.
function held(tensor, value) {
  const [least, greatest] = tensor.type === 3 ? [0, 255] : [-128, 127];
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
    assert.ok(error < 0.002, `${name}: ${found[name]}, not ${probabilities[i]}`);
  });
  assert.ok(new Set(probabilities.map((p) => p.toFixed(2))).size === 3); // the classes can be told apart
});

test('the converter gives the same bytes each time and names what it does not know', () => {
  const model = writeModel();
  assert.deepEqual(convert(model), convert(model));
  assert.throws(() => convert(writeModel([{ ...operators[0], code: 99 }])), /operation 99 of TensorFlow Lite/);
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
