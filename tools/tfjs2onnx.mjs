#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
// Converts a TensorFlow.js graph model of convolutions to ONNX, channels first.
//
// usage: tfjs2onnx.mjs MODEL.json OUT.onnx OUTPUT-NODE...
//
// The network's input becomes [1, 3, height, width]; outputs stay channels last, as the model has
// them. Weights that the model stores in 16 bits stay so and are cast when the model is loaded.
// For pinned files: an operation it does not know ends the conversion, sizes are not hardened.
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import process from 'node:process';
import { pathToFileURL } from 'node:url';
import { FLOAT, FLOAT16, INT64, OnnxGraph } from './onnx-writer.mjs';

const product = (dims) => dims.reduce((a, b) => a * b, 1);

function weightType(entry) {
  const stored = entry.quantization?.dtype ?? entry.dtype;
  const types = {
    float32: { size: 4, read: (b, o, n) => new Float32Array(b.slice(o, o + 4 * n)), onnx: FLOAT },
    float16: { size: 2, read: (b, o, n) => new Uint16Array(b.slice(o, o + 2 * n)), onnx: FLOAT16 },
    int32: { size: 4, read: (b, o, n) => new Int32Array(b.slice(o, o + 4 * n)), onnx: INT64 },
  };
  if (!types[stored]) throw new Error(`weight ${entry.name}: type ${stored} is not supported`);
  return types[stored];
}

// Map of name to { dims, data, type }, from the model file and the binary files beside it.
function readWeights(model, folder) {
  const weights = new Map();
  for (const group of model.weightsManifest) {
    const file = Buffer.concat(group.paths.map((p) => readFileSync(path.join(folder, path.basename(p)))));
    const memory = file.buffer.slice(file.byteOffset, file.byteOffset + file.length);
    let offset = 0;
    for (const entry of group.weights) {
      const type = weightType(entry);
      const count = product(entry.shape);
      if (offset + count * type.size > file.length) throw new Error('the weights end too early');
      weights.set(entry.name, { dims: entry.shape, data: type.read(memory, offset, count), type: type.onnx });
      offset += count * type.size;
    }
    if (offset !== file.length) throw new Error(`the weights have ${file.length - offset} bytes too many`);
  }
  return weights;
}

// data of `dims` with its axes in the order `order`.
function transpose(data, dims, order) {
  const strides = dims.map((_, i) => product(dims.slice(i + 1)));
  const out = new data.constructor(data.length);
  const outDims = order.map((axis) => dims[axis]);
  const index = outDims.map(() => 0);
  for (let at = 0; at < out.length; at++) {
    out[at] = data[index.reduce((sum, v, i) => sum + v * strides[order[i]], 0)];
    for (let axis = index.length - 1; axis >= 0 && ++index[axis] === outDims[axis]; axis--) index[axis] = 0;
  }
  return out;
}

const text = (attribute) => Buffer.from(attribute.s, 'base64').toString('utf8');
const integers = (attribute) => (attribute?.list?.i ?? []).map(Number);

class Converter {
  constructor(model, folder) {
    this.nodes = new Map(model.modelTopology.node.map((n) => [n.name, n]));
    this.weights = readWeights(model, folder);
    this.graph = new OnnxGraph('tfjs');
    this.done = new Map(); // node name to ONNX value
  }

  // A weight as an ONNX value of float32; `dims` and `order` say how it is laid out there.
  weight(name, dims, order) {
    const { data, type, dims: own } = this.weights.get(name);
    const id = `${name}:${dims.join('x')}`;
    if (this.done.has(id)) return this.done.get(id);
    const laidOut = order ? transpose(data, own, order) : data;
    let value = this.graph.constant(type === FLOAT16 ? `${id}:half` : id, dims, laidOut, type);
    if (type === FLOAT16) value = this.graph.node('Cast', [value], id, { to: FLOAT });
    this.done.set(id, value);
    return value;
  }

  numbers(name) {
    const weight = this.weights.get(name);
    if (!weight || weight.type !== INT64) throw new Error(`${name} is no list of constants`);
    return Array.from(weight.data);
  }

  // An operand of an element-wise operation: a constant along the channels needs two axes behind.
  operand(name) {
    const weight = this.weights.get(name);
    if (!weight) return this.value(name);
    const { dims } = weight;
    if (product(dims) === 1) return this.weight(name, []);
    if (product(dims) !== dims[dims.length - 1]) throw new Error(`${name}: constant of shape [${dims}]`);
    return this.weight(name, [product(dims), 1, 1]);
  }

  clip(value, output) {
    if (!this.done.has('six')) {
      this.done.set('zero', this.graph.floats('zero', [], [0]));
      this.done.set('six', this.graph.floats('six', [], [6]));
    }
    return this.graph.node('Clip', [value, 'zero', 'six'], output);
  }

  convolution(node, depthwise) {
    const [x, w, bias] = node.input;
    const { dims } = this.weights.get(w);
    const group = depthwise ? dims[2] : 1;
    const outDims = depthwise ? [dims[2] * dims[3], 1, dims[0], dims[1]] : [dims[3], dims[2], dims[0], dims[1]];
    const order = depthwise ? [2, 3, 0, 1] : [3, 2, 0, 1];
    const fused = (node.attr.fused_ops?.list?.s ?? []).map((s) => Buffer.from(s, 'base64').toString());
    const inputs = [this.value(x), this.weight(w, outDims, order)];
    if (fused[0] === 'BiasAdd') inputs.push(this.weight(bias, [outDims[0]]));
    const after = fused.filter((f) => f !== 'BiasAdd');
    const padding = text(node.attr.padding);
    if (padding !== 'SAME' && padding !== 'VALID') throw new Error(`${node.name}: padding ${padding}`);
    const value = this.graph.node('Conv', inputs, after.length ? `${node.name}:conv` : node.name, {
      auto_pad: padding === 'SAME' ? 'SAME_UPPER' : 'VALID',
      strides: integers(node.attr.strides).slice(1, 3),
      dilations: integers(node.attr.dilations).slice(1, 3),
      kernel_shape: outDims.slice(2),
      group,
    });
    if (!after.length) return value;
    if (after.length > 1) throw new Error(`${node.name}: fused ${after}`);
    return this.activation(after[0], value, node.name);
  }

  activation(name, value, output) {
    if (name === 'Relu6') return this.clip(value, output);
    if (name === 'Relu' || name === 'Sigmoid') return this.graph.node(name, [value], output);
    throw new Error(`${output}: activation ${name} is not supported`);
  }

  mean(node) {
    const axes = this.numbers(node.input[1]).sort();
    if (String(axes) !== '1,2' || !node.attr.keep_dims?.b) throw new Error(`${node.name}: mean over [${axes}]`);
    return this.graph.node('GlobalAveragePool', [this.value(node.input[0])], node.name);
  }

  resize(node) {
    const sizes = this.graph.integers(`${node.name}:sizes`, this.numbers(node.input[1]));
    let mode = 'asymmetric';
    if (node.attr.align_corners?.b) mode = 'align_corners';
    else if (node.attr.half_pixel_centers?.b) mode = 'half_pixel';
    return this.graph.node('Resize', [this.value(node.input[0]), '', '', sizes], node.name, {
      mode: 'linear',
      coordinate_transformation_mode: mode,
      axes: [2, 3],
    });
  }

  concat(node) {
    const inputs = node.input.slice(0, -1).map((i) => this.value(i));
    const [axis] = this.numbers(node.input[node.input.length - 1]);
    if (axis !== 3 && axis !== -1) throw new Error(`${node.name}: concat along axis ${axis}`);
    return this.graph.node('Concat', inputs, node.name, { axis: 1 });
  }

  placeholder(node) {
    const dims = node.attr.shape.shape.dim.map((d) => Number(d.size));
    if (dims.length !== 4 || dims[3] !== 3) throw new Error(`input of shape [${dims}]`);
    return this.graph.input('images', [1, 3, dims[1], dims[2]]);
  }

  convert(node) {
    switch (node.op) {
      case 'Placeholder':
        return this.placeholder(node);
      case '_FusedConv2D':
      case 'Conv2D':
        return this.convolution(node, false);
      case 'FusedDepthwiseConv2dNative':
      case 'DepthwiseConv2dNative':
        return this.convolution(node, true);
      case 'Add':
      case 'AddV2':
      case 'Sub':
      case 'Mul':
        return this.graph.node(node.op.replace('V2', ''), node.input.map((i) => this.operand(i)), node.name);
      case 'Relu':
      case 'Relu6':
      case 'Sigmoid':
        return this.activation(node.op, this.value(node.input[0]), node.name);
      case 'Mean':
        return this.mean(node);
      case 'ResizeBilinear':
        return this.resize(node);
      case 'ConcatV2':
        return this.concat(node);
      case 'Identity':
        return this.value(node.input[0]);
      default:
        throw new Error(`${node.name}: operation ${node.op} is not supported`);
    }
  }

  value(name) {
    if (!this.done.has(name)) {
      const node = this.nodes.get(name);
      if (!node) throw new Error(`no node ${name}`);
      this.done.set(name, this.convert(node));
    }
    return this.done.get(name);
  }

  output(name, dims) {
    const own = name.replace(/.*\//, '');
    this.graph.node('Transpose', [this.value(name)], own, { perm: [0, 2, 3, 1] });
    this.graph.output(own, dims);
  }
}

// Bytes of the ONNX file with these outputs of the model.
export function convert(modelPath, outputs) {
  const model = JSON.parse(readFileSync(modelPath, 'utf8'));
  if (model.format !== 'graph-model') throw new Error(`${modelPath} is no tfjs graph model`);
  const converter = new Converter(model, path.dirname(modelPath));
  for (const name of outputs) {
    const info = model.signature?.outputs?.[name];
    if (!info) throw new Error(`${modelPath} has no output ${name}`);
    converter.output(name, info.tensorShape.dim.map((d) => Number(d.size)));
  }
  return converter.graph.bytes();
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  const [modelPath, outPath, ...outputs] = process.argv.slice(2);
  if (!outputs.length) {
    process.stderr.write('usage: tfjs2onnx.mjs MODEL.json OUT.onnx OUTPUT-NODE...\n');
    process.exit(2);
  }
  writeFileSync(outPath, convert(modelPath, outputs));
}
