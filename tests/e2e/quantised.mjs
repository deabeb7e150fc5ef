// SPDX-License-Identifier: Apache-2.0
// Makes the quantised TensorFlow Lite network again whose values, as float32, an ONNX file holds:
// weights are whole multiples of one scale a channel, biases of that scale times the input's, and
// each Clip is what a tensor of 8 bits can hold. Whatever is not exactly so is an error.
import assert from 'node:assert/strict';
import * as tf from './tflite_file.mjs';

const product = (dims) => dims.reduce((a, b) => a * b, 1);

// Float32 numbers beside `value`, the nearest first.
function neighbours(value) {
  const bits = new DataView(new ArrayBuffer(4));
  return [0, 1, -1, 2, -2, 3, -3, 4, -4].map((step) => {
    bits.setFloat32(0, value);
    bits.setInt32(0, bits.getInt32(0) + step);
    return bits.getFloat32(0);
  });
}

const isMultiple = (value, scale) => Math.fround(Math.round(value / scale) * scale) === value;

// The scale of a channel, whose greatest weight is 127 of it; 0 when all its weights are zero.
function scaleOf(weights) {
  const greatest = weights.reduce((most, v) => Math.max(most, Math.abs(v)), 0);
  if (greatest === 0) return 0;
  const scales = neighbours(greatest / 127).filter((scale) => weights.every((v) => isMultiple(v, scale)));
  assert.equal(scales.length, 1, `${scales.length} scales fit a channel of ${weights.length} weights`);
  return scales[0];
}

// Scale and zero point of a tensor of 8 bits from `first` that holds what lies between the limits.
function rangeOf([least, greatest], first) {
  const fits = neighbours((greatest - least) / 255)
    .map((scale) => ({ scale, zero: Math.round(first - least / scale) }))
    .filter(({ scale, zero }) => Math.fround((first - zero) * scale) === least)
    .filter(({ scale, zero }) => Math.fround((first + 255 - zero) * scale) === greatest);
  assert.equal(fits.length, 1, `${fits.length} scales fit ${least} to ${greatest}`);
  return fits[0];
}

// Where nothing tells the scale, for the weights are all zero, the bias is a power of two of it.
const BIAS_ALONE = 2 ** 20;

function channelOf(weights, bias, inputScale) {
  const found = scaleOf(weights);
  const biasScale = found ? Math.fround(found * inputScale) : Math.abs(bias) / BIAS_ALONE;
  assert.ok(isMultiple(bias, biasScale), `a bias of ${bias} is no multiple of ${biasScale}`);
  return { scale: found || Math.fround(biasScale / inputScale), biasScale };
}

// ONNX has the axes output, input, row, column.
function moveAxes(values, [outputs, inputs, height, width], depthwise) {
  const moved = [];
  if (depthwise) {
    for (let at = 0; at < height * width; at++)
      for (let o = 0; o < outputs; o++) moved.push(values[o * height * width + at]);
    return moved;
  }
  for (let o = 0; o < outputs; o++)
    for (let at = 0; at < height * width; at++)
      for (let i = 0; i < inputs; i++) moved.push(values[(o * inputs + i) * height * width + at]);
  return moved;
}

class Quantiser {
  constructor(graph) {
    this.graph = graph;
    this.tensors = [];
    this.operators = [];
    this.values = new Map(); // name to the index of its tensor
    this.pending = new Map(); // name to the node that makes it, until its limits are known
  }

  tensor(tensor) {
    return this.tensors.push({ name: `t${this.tensors.length}`, ...tensor }) - 1;
  }

  // Limits of a Clip as what a tensor holds.
  held(name, dims, limits, type) {
    const { scale, zero } = rangeOf(limits, type === tf.UINT8 ? 0 : -128);
    this.values.set(name, this.tensor({ dims, type, scales: [scale], zeros: [zero] }));
    return this.values.get(name);
  }

  limits({ inputs: [, least, greatest] }) {
    return [least, greatest].map((name) => this.graph.constants.get(name).values[0]);
  }

  convolve({ inputs, attributes: { group, strides } }, limits) {
    const input = this.values.get(inputs[0]);
    const [weights, biases] = inputs.slice(1).map((name) => this.graph.constants.get(name));
    const { dims, values } = weights;
    const [outputs, perGroup, height, width] = dims;
    const inner = product(dims.slice(1));
    const channels = Array.from(biases.values, (bias, o) =>
      channelOf(values.subarray(o * inner, (o + 1) * inner), bias, this.tensors[input].scales[0]));
    const whole = Array.from(values, (v, at) => Math.round(v / channels[Math.floor(at / inner)].scale));
    const depthwise = group > 1;
    const zeros = channels.map(() => 0);
    const kernel = this.tensor({
      dims: depthwise ? [1, height, width, outputs] : [outputs, height, width, perGroup],
      type: tf.INT8, axis: depthwise ? 3 : 0, scales: channels.map(({ scale }) => scale), zeros,
      data: moveAxes(whole, dims, depthwise),
    });
    const bias = this.tensor({
      dims: [outputs], type: tf.INT32, scales: channels.map(({ biasScale }) => biasScale), zeros,
      data: channels.map(({ biasScale }, o) => Math.round(biases.values[o] / biasScale)),
    });
    const activation = ['i8', limits[0] === 0 && limits[1] === 6 ? 3 : 0];
    const options = { 0: ['i8', 0], 1: ['i32', strides[1]], 2: ['i32', strides[0]] };
    const [, rows, columns] = this.tensors[input].dims;
    return {
      kind: depthwise ? tf.DEPTHWISE_CONV_2D : tf.CONV_2D,
      inputs: [input, kernel, bias],
      options: { ...options, ...(depthwise ? { 3: ['i32', 1], 4: activation } : { 3: activation }) },
      dims: [1, Math.ceil(rows / strides[0]), Math.ceil(columns / strides[1]), outputs],
    };
  }

  operator(node, limits) {
    const inputs = node.inputs.filter((name) => this.values.has(name)).map((name) => this.values.get(name));
    const { dims } = this.tensors[inputs[0]];
    if (node.type === 'Conv') return this.convolve(node, limits);
    if (node.type === 'Add') return { kind: tf.ADD, inputs, options: { 0: ['i8', 0] }, dims };
    if (node.type === 'Softmax') return { kind: tf.SOFTMAX, inputs, options: { 0: ['f32', 1] }, dims };
    if (node.type === 'ReduceMean') {
      const axes = this.tensor({ dims: [2], type: tf.INT32, data: node.attributes.axes });
      const options = { 0: ['u8', node.attributes.keepdims] };
      return { kind: tf.MEAN, inputs: [...inputs, axes], options, dims: [1, 1, 1, dims[3]] };
    }
    assert.equal(node.type, 'Reshape');
    const shape = Array.from(this.graph.constants.get(node.inputs[1]).values, Number);
    const tensor = this.tensor({ dims: [shape.length], type: tf.INT32, data: shape });
    return { kind: tf.RESHAPE, inputs: [...inputs, tensor], options: { 0: ['list i32', shape] }, dims: shape };
  }

  // What a tensor holds becomes known: its operation is complete.
  clip(node, type) {
    const [from] = node.inputs;
    const [to] = node.outputs;
    const limits = this.limits(node);
    const made = this.pending.get(from);
    const again = { kind: tf.QUANTIZE, inputs: [this.values.get(from)], options: {} };
    const { dims, ...operator } = made
      ? this.operator(made, limits)
      : { ...again, dims: this.tensors[again.inputs[0]].dims };
    this.operators.push({ ...operator, outputs: [this.held(to, dims, limits, type)] });
  }

  node(node, type) {
    const [from] = node.inputs;
    const [to] = node.outputs;
    if (node.type === 'Clip') this.clip(node, type);
    else if (node.type !== 'Transpose') this.pending.set(to, node);
    else if (this.values.has(from)) this.values.set(to, this.values.get(from));
    else this.pending.set(to, this.pending.get(from));
  }

  model() {
    const { nodes, inputs, outputs } = this.graph;
    const [[input, dims]] = inputs;
    const [output] = outputs.keys();
    this.held(input, dims, this.limits(nodes[0]), tf.UINT8); // what is made of the input holds the same
    for (const node of nodes) this.node(node, node.outputs[0] === output ? tf.UINT8 : tf.INT8);
    const ends = [input, output].map((name) => [this.values.get(name)]);
    return { tensors: this.tensors, operators: this.operators, inputs: ends[0], outputs: ends[1] };
  }
}

// Tensors and operators for writeTflite, from what readOnnx gives.
export const quantise = (graph) => new Quantiser(graph).model();
