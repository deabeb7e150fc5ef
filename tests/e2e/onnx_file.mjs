// SPDX-License-Identifier: Apache-2.0
// Reads what tests ask of an ONNX file: nodes, constants, and the shapes of inputs and outputs.
// Field numbers are those of onnx.proto.

const WIRE_VARINT = 0;
const WIRE_BYTES = 2;
const WIRE_FIXED32 = 5;

// One protobuf message: the values of each field in their order; nested ones are bytes.
class Message {
  constructor(bytes) {
    this.bytes = bytes;
    this.at = 0;
    this.fields = new Map();
    while (this.at < bytes.length) this.field();
  }

  varint() {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = this.bytes[this.at++];
      value |= BigInt(byte & 127) << shift;
      if (byte < 128) return Number(BigInt.asIntN(64, value));
    }
  }

  field() {
    const key = this.varint();
    const values = this.fields.get(key >> 3) ?? [];
    this.fields.set(key >> 3, values);
    values.push(this.value(key & 7));
  }

  value(wire) {
    if (wire === WIRE_VARINT) return this.varint();
    const length = wire === WIRE_BYTES ? this.varint() : 4;
    if (wire !== WIRE_BYTES && wire !== WIRE_FIXED32) throw new Error(`wire type ${wire}`);
    const bytes = this.bytes.subarray(this.at, this.at + length);
    this.at += length;
    return wire === WIRE_BYTES ? bytes : bytes.readFloatLE(0);
  }

  all(id) {
    return this.fields.get(id) ?? [];
  }

  messages(id) {
    return this.all(id).map((bytes) => new Message(bytes));
  }

  texts(id) {
    return this.all(id).map(String);
  }

  // Whole numbers, one by one or packed.
  numbers(id) {
    return this.all(id).flatMap((value) => {
      if (!Buffer.isBuffer(value)) return value;
      const packed = new Message(Buffer.alloc(0));
      packed.bytes = value;
      const numbers = [];
      while (packed.at < value.length) numbers.push(packed.varint());
      return numbers;
    });
  }
}

const ATTRIBUTE_FLOAT = 1;
const ATTRIBUTE_INTEGER = 2;
const ATTRIBUTE_INTEGERS = 7;

function attributeOf(message) {
  const [kind] = message.all(20);
  if (kind === ATTRIBUTE_FLOAT) return message.all(2)[0];
  if (kind === ATTRIBUTE_INTEGER) return message.all(3)[0];
  if (kind === ATTRIBUTE_INTEGERS) return message.numbers(8);
  throw new Error(`an attribute of kind ${kind}`);
}

const TENSOR_FLOAT = 1;
const TENSOR_INT64 = 7;

function constantOf(message) {
  const [type] = message.all(2);
  const raw = Buffer.from(message.all(9)[0]); // a copy begins where typed arrays may
  const Items = { [TENSOR_FLOAT]: Float32Array, [TENSOR_INT64]: BigInt64Array }[type];
  const bytes = raw.buffer.slice(raw.byteOffset, raw.byteOffset + raw.length);
  return { dims: message.numbers(1), values: new Items(bytes) };
}

function shapeOf(message) {
  const [tensor] = message.messages(2)[0].messages(1);
  return tensor.messages(2)[0].messages(1).map((axis) => axis.all(1)[0]);
}

const nodeOf = (message) => ({
  type: message.texts(4)[0],
  inputs: message.texts(1),
  outputs: message.texts(2),
  attributes: Object.fromEntries(message.messages(5).map((a) => [a.texts(1)[0], attributeOf(a)])),
});

export function readOnnx(bytes) {
  const [graph] = new Message(bytes).messages(7);
  const named = (id, read) => new Map(graph.messages(id).map((m) => [m.texts(1)[0], read(m)]));
  return {
    nodes: graph.messages(1).map(nodeOf),
    constants: new Map(graph.messages(5).map((m) => [m.texts(8)[0], constantOf(m)])),
    inputs: named(11, shapeOf),
    outputs: named(12, shapeOf),
  };
}
