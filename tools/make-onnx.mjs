#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
// Writes small ONNX files for tests: one of each output family, and ones with wrong shapes.
//
// usage: make-onnx.mjs FOLDER
//
// Boxes are constants; what depends on the picture is its mean, so that a test can tell the pictures
// of a batch apart. Inputs are [batch, 3, 64, 64] unless the name says otherwise.
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import process from 'node:process';
import { Float, FLOAT16, OnnxGraph } from './onnx-writer.mjs';

const SIDE = 64;

// output = base + mean of the picture * slope, with `rows` of values each.
function linear(name, { base, slope, inputs = ['batch', 3, SIDE, SIDE], outputs }) {
  const graph = new OnnxGraph(name);
  const dims = [1, base.length, base[0].length];
  graph.input('images', inputs);
  graph.integers('axes', [1, 2, 3]);
  graph.node('ReduceMean', ['images', 'axes'], 'mean4', { keepdims: 1 });
  graph.integers('last', [3]);
  graph.node('Squeeze', ['mean4', 'last'], 'mean'); // [batch, 1, 1]
  graph.floats('base', dims, base.flat());
  graph.floats('slope', dims, slope.flat());
  graph.node('Mul', ['mean', 'slope'], 'part');
  graph.node('Add', ['part', 'base'], 'boxes');
  graph.output('boxes', outputs ?? [inputs[0], ...dims.slice(1)]);
  return graph;
}

const zeros = (rows, columns) => Array.from({ length: rows }, () => Array(columns).fill(0));

// Two doubles of one box and one far away; objectness is the mean of the picture.
function yolov5(options = {}) {
  const base = [
    [32, 32, 16, 8, 0, 0.1, 0.9],
    [33, 32, 16, 8, 0, 0.1, 0.8],
    [8, 56, 8, 8, 0, 1, 0],
  ];
  const slope = zeros(3, 7);
  slope.forEach((row) => (row[4] = 1));
  return linear('yolov5', { base, slope, ...options });
}

function yolov8(inputs) {
  const base = zeros(6, 20);
  [32, 32, 16, 8, 0.1, 0.9].forEach((value, plane) => (base[plane][7] = value));
  [10, 10, 4, 4, 0.7, 0.2].forEach((value, plane) => (base[plane][19] = value));
  return linear('yolov8', { base, slope: zeros(6, 20), inputs: inputs ?? [1, 3, SIDE, SIDE] });
}

function endToEnd() {
  const base = zeros(5, 6);
  base[0] = [24, 28, 40, 36, 0.9, 1];
  base[1] = [24, 28, 40, 36, 0.8, 1]; // stays: the network is trusted to have suppressed doubles
  return linear('end_to_end', { base, slope: zeros(5, 6), inputs: [1, 3, SIDE, SIDE] });
}

// 8x8, 4x4 and 2x2 cells; the one at (1, 2) of the middle level, as in the hand calculation
// of the decoder's own test.
function yolox() {
  const base = zeros(84, 7);
  base[64 + 2 * 4 + 1] = [0.5, 0.25, 0, Math.log(2), 0.9, 0.1, 0.8];
  return linear('yolox', { base, slope: zeros(84, 7), inputs: [1, 3, SIDE, SIDE] });
}

function centernet() {
  const graph = new OnnxGraph('centernet');
  const grid = SIDE / 4;
  const heat = new Float32Array(grid * grid * 2);
  const sides = new Float32Array(grid * grid * 4).fill(4);
  heat[(8 * grid + 8) * 2 + 1] = 0.9;
  graph.input('images', [1, 3, SIDE, SIDE]);
  graph.constant('heat_values', [1, grid, grid, 2], heat);
  graph.constant('side_values', [1, grid, grid, 4], sides);
  graph.node('Identity', ['heat_values'], 'heat');
  graph.node('Identity', ['side_values'], 'sides');
  graph.output('heat', [1, grid, grid, 2]);
  graph.output('sides', [1, grid, grid, 4]);
  return graph;
}

// The surer the brighter: logits -1, 0, 1, 2 (the first a background) and the picture's mean on top
// of the third.
function classes() {
  const slope = zeros(1, 4);
  slope[0][2] = 1;
  return linear('classes', { base: [[-1, 0, 1, 2]], slope, inputs: [1, 3, SIDE, SIDE] });
}

// One thing, its four corners out of order (bottom right first), and a double of it.
function points() {
  const row = [32, 32, 16, 8, 1, 40, 36, 24, 36, 24, 28, 40, 28, 0.9, 0.1];
  const base = [row, row.map((value, i) => (i === 4 ? 0.8 : value))];
  return linear('points', { base, slope: zeros(2, 15), inputs: [1, 3, SIDE, SIDE] });
}

// Reads brightness: each step is eight columns, its class the one of 0, 1/4, 1/2, 3/4 and 1 that is
// nearest to their mean. Written as a convolution: of -(mean - c)^2 the part that differs by class
// is 2 c mean - c^2.
function lines(width = 'width') {
  const graph = new OnnxGraph('lines');
  const [height, step, gain] = [32, 8, 100];
  const centres = [0, 0.25, 0.5, 0.75, 1];
  const one = 3 * height * step;
  const weights = centres.flatMap((c) => Array(one).fill((gain * 2 * c) / one));
  graph.input('images', [1, 3, height, width]);
  graph.floats('weights', [centres.length, 3, height, step], weights);
  graph.floats('bias', [centres.length], centres.map((c) => -gain * c * c));
  const strides = [height, step];
  graph.node('Conv', ['images', 'weights', 'bias'], 'cells', { kernel_shape: strides, strides });
  graph.integers('row', [2]);
  graph.node('Squeeze', ['cells', 'row'], 'columns');
  graph.node('Transpose', ['columns'], 'steps', { perm: [0, 2, 1] });
  graph.output('steps', [1, typeof width === 'string' ? 'steps' : width / step, centres.length]);
  return graph;
}

function halfPrecision() {
  const graph = new OnnxGraph('half');
  graph.input('images', [1, 3, SIDE, SIDE], FLOAT16);
  graph.node('Identity', ['images'], 'boxes');
  graph.output('boxes', [1, 3, SIDE, SIDE], FLOAT16);
  return graph;
}

function twoInputs() {
  const graph = new OnnxGraph('two_inputs');
  graph.input('a', [1, 3, SIDE, SIDE]);
  graph.input('b', [1, 3, SIDE, SIDE]);
  graph.node('Add', ['a', 'b'], 'boxes');
  graph.output('boxes', [1, 3, SIDE, SIDE]);
  return graph;
}

// Gives NaN wherever it can: log of a negative number.
function broken() {
  const graph = new OnnxGraph('nan');
  graph.input('images', [1, 3, SIDE, SIDE]);
  graph.floats('negative', [1, 5, 6], Array(30).fill(-1));
  graph.node('Log', ['negative'], 'boxes');
  graph.output('boxes', [1, 5, 6]);
  return graph;
}

// Doubles are suppressed in the graph, so how many rows there are depends on the picture.
function varyingRows() {
  const graph = new OnnxGraph('varying');
  graph.input('images', [1, 3, SIDE, SIDE]);
  graph.node('LeakyRelu', ['images'], 'bent', { alpha: new Float(0.5) });
  graph.node('NonZero', ['bent'], 'places');
  graph.node('Cast', ['places'], 'boxes', { to: 1 });
  graph.output('boxes', [4, 'rows']);
  return graph;
}

const files = {
  yolov5: yolov5(),
  // The same, with sizes that only a run shows.
  yolov5_open: yolov5({ inputs: ['batch', 3, 'height', 'width'], outputs: ['batch', 'rows', 'values'] }),
  yolov5_one: yolov5({ inputs: [1, 3, SIDE, SIDE] }),
  yolov8: yolov8(),
  yolov8_small_input: yolov8([1, 3, 32, 32]),
  end_to_end: endToEnd(),
  yolox: yolox(),
  centernet: centernet(),
  classes: classes(),
  points: points(),
  lines: lines(),
  lines_64: lines(64),
  half: halfPrecision(),
  two_inputs: twoInputs(),
  nan: broken(),
  varying: varyingRows(),
};

const folder = process.argv[2];
if (!folder) {
  process.stderr.write('usage: make-onnx.mjs FOLDER\n');
  process.exit(2);
}
for (const [name, graph] of Object.entries(files)) writeFileSync(path.join(folder, `${name}.onnx`), graph.bytes());
