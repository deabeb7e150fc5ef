#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
// Converts a TensorFlow Lite network of convolutions to ONNX.
//
// usage: tflite2onnx.mjs MODEL.tflite OUT.onnx
//
// Quantised weights become float32; what a quantised value can hold stays, as a Clip, because the
// network was trained with these limits. Input and outputs keep the shapes of the model (channels
// last). An operation it does not know ends the conversion.
import { readFileSync, realpathSync, writeFileSync } from 'node:fs';
import process from 'node:process';
import { pathToFileURL } from 'node:url';
import { readFlatbuffer } from './flatbuffer.mjs';
import { Float, OnnxGraph } from './onnx-writer.mjs';

const product = (dims) => dims.reduce((a, b) => a * b, 1);

// By number in the schema: bytes of an item, its reader, and the limits of quantised ones.
const TYPES = {
  0: { size: 4, read: (v, o) => v.getFloat32(o, true) },
  1: { size: 2, read: (v, o) => half(v.getUint16(o, true)) },
  2: { size: 4, read: (v, o) => v.getInt32(o, true) },
  3: { size: 1, read: (v, o) => v.getUint8(o), limits: [0, 255] },
  9: { size: 1, read: (v, o) => v.getInt8(o), limits: [-128, 127] },
};

const EVERYTHING = [-Infinity, Infinity];

// Limits of the activations that an operation may end with, by number in the schema.
const ACTIVATIONS = { 0: EVERYTHING, 1: [0, Infinity], 2: [-1, 1], 3: [0, 6] };

function half(bits) {
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  const sign = bits & 0x8000 ? -1 : 1;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

function readTensor(table, buffers) {
  const type = TYPES[table.number(1, 'i8')];
  const name = table.text(3);
  if (!type) throw new Error(`tensor ${name}: element type ${table.number(1, 'i8')} is not supported`);
  const quantization = table.table(4);
  return {
    name,
    type,
    dims: table.numbers(0, 'i32'),
    bytes: buffers[table.number(2, 'u32')].bytes(0),
    scales: quantization?.numbers(2, 'f32') ?? [],
    zeros: quantization?.numbers(3, 'i64') ?? [],
    axis: quantization?.number(6, 'i32') ?? 0,
  };
}

// Values of a constant tensor, de-quantised.
function readValues(tensor) {
  const { dims, type, bytes, scales, zeros, axis } = tensor;
  const count = product(dims);
  if (bytes.length !== count * type.size)
    throw new Error(`tensor ${tensor.name}: ${bytes.length} bytes, not ${count * type.size}`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const out = new Float32Array(count);
  const inner = product(dims.slice(axis + 1));
  for (let i = 0; i < count; i++) {
    const value = type.read(view, i * type.size);
    const channel = scales.length > 1 ? Math.floor(i / inner) % dims[axis] : 0;
    out[i] = scales.length ? (value - (zeros[channel] ?? 0)) * scales[channel] : value;
  }
  return out;
}

// Values of `dims` with the axes in another order.
function reorder(values, dims, order) {
  const strides = dims.map((_, i) => product(dims.slice(i + 1)));
  const to = order.map((axis) => dims[axis]);
  const out = new Float32Array(values.length);
  const index = to.map(() => 0);
  for (let at = 0; at < out.length; at++) {
    out[at] = values[index.reduce((sum, v, i) => sum + v * strides[order[i]], 0)];
    for (let axis = index.length - 1; axis >= 0 && ++index[axis] === to[axis]; axis--) index[axis] = 0;
  }
  return out;
}

// Padding of SAME: what is odd goes behind.
function samePads(input, kernel, stride, dilation) {
  const out = Math.ceil(input / stride);
  const total = Math.max((out - 1) * stride + (kernel - 1) * dilation + 1 - input, 0);
  return [Math.floor(total / 2), total - Math.floor(total / 2)];
}

class Converter {
  constructor(model) {
    const [main] = model.tables(2);
    const buffers = model.tables(4);
    this.codes = model.tables(1).map((code) => Math.max(code.number(0, 'u8'), code.number(3, 'i32')));
    this.tensors = main.tables(0).map((table) => readTensor(table, buffers));
    this.graph = new OnnxGraph('tflite');
    this.limits = new Map(); // name of a value that a Clip made to its limits
    this.values = new Map(); // tensor index to the name of its value: 4 axes as NCHW, others as they are
    this.inputs = main.numbers(1, 'i32');
    this.outputs = main.numbers(2, 'i32');
    this.operators = main.tables(3);
  }

  isConstant(index) {
    return this.tensors[index].bytes.length > 0;
  }

  constant(index, order) {
    const { name, dims } = this.tensors[index];
    const values = readValues(this.tensors[index]);
    if (!order) return this.graph.floats(`${name}:${index}`, dims, values);
    return this.turned(`${name}:${index}`, dims, values, order);
  }

  turned(name, dims, values, order) {
    return this.graph.floats(name, order.map((axis) => dims[axis]), reorder(values, dims, order));
  }

  value(index) {
    if (!this.values.has(index)) {
      if (!this.isConstant(index)) throw new Error(`tensor ${this.tensors[index].name} is used before it is made`);
      this.values.set(index, this.constant(index, this.tensors[index].dims.length === 4 ? [0, 3, 1, 2] : null));
    }
    return this.values.get(index);
  }

  // The value between both limits; one that is there already stays as it is.
  limit(name, least, greatest) {
    const known = this.limits.get(name) ?? EVERYTHING;
    if (known[0] >= least && known[1] <= greatest) return name;
    if (least === 0 && greatest === Infinity) return this.graph.node('Relu', [name]);
    const low = this.graph.floats(`${name}:least:${++this.graph.made}`, [], [least]);
    const high = this.graph.floats(`${name}:greatest:${this.graph.made}`, [], [greatest]);
    const made = this.graph.node('Clip', [name, low, high]);
    this.limits.set(made, [least, greatest]);
    return made;
  }

  // Puts the value of an activation tensor in its place, within what the tensor can hold.
  set(index, name, activation = 0) {
    const { type, scales, zeros } = this.tensors[index];
    const limits = ACTIVATIONS[activation];
    if (!limits) throw new Error(`activation ${activation} is not supported`);
    const held = type.limits && scales.length ? type.limits.map((q) => (q - (zeros[0] ?? 0)) * scales[0]) : EVERYTHING;
    const value = this.limit(name, Math.max(limits[0], held[0]), Math.min(limits[1], held[1]));
    this.values.set(index, value);
  }

  window(input, kernel, options, first) {
    const [height, width] = this.tensors[input].dims.slice(1, 3);
    const strides = [options.number(2, 'i32', 1), options.number(1, 'i32', 1)];
    const dilations = first ? [options.number(first + 1, 'i32', 1), options.number(first, 'i32', 1)] : [1, 1];
    const same = options.number(0, 'i8') === 0;
    const [top, bottom] = same ? samePads(height, kernel[0], strides[0], dilations[0]) : [0, 0];
    const [left, right] = same ? samePads(width, kernel[1], strides[1], dilations[1]) : [0, 0];
    const window = { kernel_shape: kernel, strides, pads: [top, left, bottom, right] };
    return first ? { ...window, dilations } : window;
  }

  convolve({ inputs: [input, weights, bias], outputs: [output], options }, depthwise) {
    const dims = this.tensors[weights].dims;
    const window = this.window(input, dims.slice(1, 3), options, depthwise ? 5 : 4);
    const group = depthwise ? this.tensors[input].dims[3] : 1;
    const kernel = this.constant(weights, depthwise ? [3, 0, 1, 2] : [0, 3, 1, 2]);
    const names = [this.value(input), kernel];
    if (bias >= 0) names.push(this.constant(bias));
    const name = this.graph.node('Conv', names, undefined, { ...window, group });
    this.set(output, name, options.number(depthwise ? 4 : 3, 'i8'));
  }

  pool({ inputs: [input], outputs: [output], options }, type) {
    const window = this.window(input, [options.number(4, 'i32'), options.number(3, 'i32')], options);
    this.set(output, this.graph.node(type, [this.value(input)], undefined, window), options.number(5, 'i8'));
  }

  connect({ inputs: [input, weights, bias], outputs: [output], options }) {
    const names = [this.flat(input, [-1, this.tensors[weights].dims[1]]), this.constant(weights)];
    if (bias >= 0) names.push(this.constant(bias));
    const name = this.graph.node('Gemm', names, undefined, { transB: 1 });
    this.set(output, name, options?.number(0, 'i8') ?? 0);
  }

  // The values in the model's own order, in another shape.
  flat(index, dims) {
    let name = this.value(index);
    if (this.tensors[index].dims.length === 4)
      name = this.graph.node('Transpose', [name], undefined, { perm: [0, 2, 3, 1] });
    const shape = this.graph.integers(`shape:${++this.graph.made}`, dims);
    return this.graph.node('Reshape', [name, shape]);
  }

  reshape({ inputs: [input], outputs: [output] }) {
    const { dims } = this.tensors[output];
    let name = this.flat(input, dims);
    if (dims.length === 4) name = this.graph.node('Transpose', [name], undefined, { perm: [0, 3, 1, 2] });
    this.set(output, name);
  }

  // The axis of the value that is axis `axis` of the tensor.
  axis(index, axis) {
    const { length } = this.tensors[index].dims;
    const positive = axis < 0 ? axis + length : axis;
    return length === 4 ? [0, 2, 3, 1][positive] : positive;
  }

  mean({ inputs: [input, axes], outputs: [output], options }) {
    const given = Array.from(readValues({ ...this.tensors[axes], scales: [] }));
    const keep = options.number(0, 'u8');
    const moved = given.map((axis) => this.axis(input, axis));
    const spatial = moved.every((axis) => axis >= 2);
    if (this.tensors[input].dims.length === 4 && !keep && !(spatial && moved.length === 2))
      throw new Error('a mean over other axes than both of the picture is not supported');
    const names = [this.value(input), this.graph.integers(`axes:${++this.graph.made}`, moved)];
    this.set(output, this.graph.node('ReduceMean', names, undefined, { keepdims: keep }));
  }

  join({ inputs, outputs: [output], options }) {
    const axis = this.axis(output, options.number(0, 'i32'));
    const name = this.graph.node('Concat', inputs.map((i) => this.value(i)), undefined, { axis });
    this.set(output, name, options.number(1, 'i8'));
  }

  pad({ inputs: [input, amounts], outputs: [output] }) {
    const pairs = Array.from(readValues({ ...this.tensors[amounts], scales: [] }));
    const order = this.tensors[input].dims.length === 4 ? [0, 3, 1, 2] : this.tensors[input].dims.map((_, i) => i);
    const pads = [...order.map((axis) => pairs[2 * axis]), ...order.map((axis) => pairs[2 * axis + 1])];
    const shape = this.graph.integers(`pads:${++this.graph.made}`, pads);
    this.set(output, this.graph.node('Pad', [this.value(input), shape]));
  }

  softmax({ inputs: [input], outputs: [output], options }) {
    if (options.number(0, 'f32', 1) !== 1) throw new Error('a softmax with a beta is not supported');
    const axis = this.axis(input, this.tensors[input].dims.length - 1);
    this.set(output, this.graph.node('Softmax', [this.value(input)], undefined, { axis }));
  }

  // A constant with fewer axes than the picture beside it lacks the first ones.
  operand(index, rank) {
    const { name, dims } = this.tensors[index];
    if (rank !== 4 || dims.length === 4) return this.value(index);
    if (!this.isConstant(index)) throw new Error(`tensor ${name}: ${dims.length} axes beside 4 are not supported`);
    const whole = [...Array(4 - dims.length).fill(1), ...dims];
    return this.turned(`${name}:${++this.graph.made}`, whole, readValues(this.tensors[index]), [0, 3, 1, 2]);
  }

  pair({ inputs, outputs: [output], options }, type) {
    const names = inputs.map((index) => this.operand(index, this.tensors[output].dims.length));
    this.set(output, this.graph.node(type, names), options?.number(0, 'i8') ?? 0);
  }

  pass({ inputs: [input], outputs: [output] }, activation = 0) {
    // Weights of 16 bits that the model itself de-quantises stay constants.
    if (this.isConstant(input) && activation === 0) this.tensors[output] = this.tensors[input];
    else this.set(output, this.value(input), activation);
  }

  logistic({ inputs: [input], outputs: [output] }) {
    this.set(output, this.graph.node('Sigmoid', [this.value(input)]));
  }

  operator(table) {
    const code = this.codes[table.number(0, 'u32')];
    const kinds = {
      0: (o) => this.pair(o, 'Add'), 1: (o) => this.pool(o, 'AveragePool'), 2: (o) => this.join(o),
      3: (o) => this.convolve(o, false), 4: (o) => this.convolve(o, true), 6: (o) => this.pass(o),
      9: (o) => this.connect(o), 14: (o) => this.logistic(o), 17: (o) => this.pool(o, 'MaxPool'),
      18: (o) => this.pair(o, 'Mul'), 19: (o) => this.pass(o, 1), 21: (o) => this.pass(o, 3),
      22: (o) => this.reshape(o), 25: (o) => this.softmax(o), 34: (o) => this.pad(o), 40: (o) => this.mean(o),
      43: (o) => this.reshape(o), 114: (o) => this.pass(o),
    };
    if (!kinds[code]) throw new Error(`operation ${code} of TensorFlow Lite is not supported`);
    const parts = { inputs: table.numbers(1, 'i32'), outputs: table.numbers(2, 'i32'), options: table.table(4) };
    kinds[code](parts);
  }

  input(index) {
    const { dims } = this.tensors[index];
    const name = this.graph.input('input', dims);
    const value = dims.length === 4 ? this.graph.node('Transpose', [name], undefined, { perm: [0, 3, 1, 2] }) : name;
    this.set(index, value);
  }

  output(index, number) {
    const { dims } = this.tensors[index];
    const perm = dims.length === 4 ? [0, 2, 3, 1] : dims.map((_, i) => i);
    const name = number === 0 ? 'output' : `output${number}`;
    this.graph.node('Transpose', [this.value(index)], name, { perm });
    this.graph.output(name, dims);
  }

  bytes() {
    if (this.inputs.length !== 1) throw new Error(`${this.inputs.length} inputs, only one is supported`);
    this.inputs.forEach((index) => this.input(index));
    this.operators.forEach((table) => this.operator(table));
    this.outputs.forEach((index, number) => this.output(index, number));
    return this.graph.bytes();
  }
}

// Bytes of the ONNX file for those of a .tflite file.
export function convert(bytes) {
  try {
    return new Converter(readFlatbuffer(bytes, 'TFL3')).bytes();
  } catch (error) {
    // A number of a tensor, buffer or operation that there is not is a TypeError where it is used.
    const damaged = error instanceof RangeError || error instanceof TypeError;
    throw damaged ? new Error(`the file is damaged: ${error.message}`, { cause: error }) : error;
  }
}

if (process.argv[1] && import.meta.url === pathToFileURL(realpathSync(process.argv[1])).href) {
  const [from, to] = process.argv.slice(2);
  if (!to) {
    process.stderr.write('usage: tflite2onnx.mjs MODEL.tflite OUT.onnx\n');
    process.exit(2);
  }
  writeFileSync(to, convert(readFileSync(from)));
}
