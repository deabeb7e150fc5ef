// SPDX-License-Identifier: Apache-2.0
// Writes ONNX files: the few messages of the format that a plain graph needs, in protobuf by hand.
// Field numbers are those of onnx.proto; the wire format is protobuf's own.

export const FLOAT = 1;
export const INT64 = 7;
export const FLOAT16 = 10;

const WIRE_VARINT = 0;
const WIRE_BYTES = 2;
const WIRE_FIXED32 = 5;

function varint(value) {
  const bytes = [];
  let rest = BigInt.asUintN(64, BigInt(value));
  while (rest > 0x7fn) {
    bytes.push(Number(rest & 0x7fn) | 0x80);
    rest >>= 7n;
  }
  bytes.push(Number(rest));
  return Buffer.from(bytes);
}

const key = (field, wire) => varint((field << 3) | wire);
const integer = (field, value) => Buffer.concat([key(field, WIRE_VARINT), varint(value)]);

function float(field, value) {
  const bytes = Buffer.alloc(4);
  bytes.writeFloatLE(value);
  return Buffer.concat([key(field, WIRE_FIXED32), bytes]);
}

function bytes(field, value) {
  const body = typeof value === 'string' ? Buffer.from(value, 'utf8') : value;
  return Buffer.concat([key(field, WIRE_BYTES), varint(body.length), body]);
}

const message = (field, parts) => bytes(field, Buffer.concat(parts));

function attribute(name, value) {
  const parts = [bytes(1, name)];
  if (typeof value === 'string') {
    parts.push(bytes(4, value), integer(20, 3));
  } else if (Array.isArray(value)) {
    parts.push(...value.map((v) => integer(8, v)), integer(20, 7));
  } else if (value instanceof Float) {
    parts.push(float(2, value.value), integer(20, 1));
  } else {
    parts.push(integer(3, value), integer(20, 2));
  }
  return message(5, parts);
}

// Numbers are whole-number attributes; wrap one in Float where ONNX wants a float.
export class Float {
  constructor(value) {
    this.value = value;
  }
}

// One axis is a number, or a text for an axis whose size varies.
function valueInfo(field, name, type, dims) {
  const axes = dims.map((d) => message(1, [typeof d === 'string' ? bytes(2, d) : integer(1, d)]));
  const shape = message(2, axes);
  return message(field, [bytes(1, name), message(2, [message(1, [integer(1, type), shape])])]);
}

export class OnnxGraph {
  constructor(name) {
    this.name = name;
    this.nodes = [];
    this.initializers = [];
    this.inputs = [];
    this.outputs = [];
    this.made = 0;
  }

  input(name, dims, type = FLOAT) {
    this.inputs.push(valueInfo(11, name, type, dims));
    return name;
  }

  output(name, dims, type = FLOAT) {
    this.outputs.push(valueInfo(12, name, type, dims));
    return name;
  }

  // Raw little-endian data of `type`.
  constant(name, dims, data, type = FLOAT) {
    const raw = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
    const parts = [...dims.map((d) => integer(1, d)), integer(2, type), bytes(8, name), bytes(9, raw)];
    this.initializers.push(message(5, parts));
    return name;
  }

  floats(name, dims, values) {
    return this.constant(name, dims, Float32Array.from(values));
  }

  integers(name, values) {
    return this.constant(name, [values.length], BigInt64Array.from(values.map(BigInt)), INT64);
  }

  node(type, inputs, output, attributes = {}) {
    const name = output ?? `${type}_${++this.made}`;
    const outputs = Array.isArray(name) ? name : [name];
    this.nodes.push(
      message(1, [
        ...inputs.map((i) => bytes(1, i)),
        ...outputs.map((o) => bytes(2, o)),
        bytes(3, outputs[0]),
        bytes(4, type),
        ...Object.entries(attributes).map(([k, v]) => attribute(k, v)),
      ]),
    );
    return name;
  }

  bytes(opset = 18) {
    const graph = [...this.nodes, bytes(2, this.name), ...this.initializers, ...this.inputs, ...this.outputs];
    return Buffer.concat([
      integer(1, 8), // ir_version of the time of opset 18
      bytes(2, 'nightjar'),
      message(7, graph),
      message(8, [bytes(1, ''), integer(2, opset)]),
    ]);
  }
}
