// SPDX-License-Identifier: Apache-2.0
// Writes TensorFlow Lite files, so that tests of what reads them have networks of their own.

// --- FlatBuffers, written front to back: children follow their parents and are pointed to later.
const sizes = { u8: 1, i8: 1, i32: 4, u32: 4, f32: 4, i64: 8 };

class Writer {
  constructor() {
    this.bytes = Buffer.alloc(1 << 16);
    this.at = 8;
  }

  // Place of `size` zero bytes.
  take(size, alignment) {
    const start = Math.ceil(this.at / alignment) * alignment;
    this.at = start + size;
    if (this.at > this.bytes.length) this.bytes = Buffer.concat([this.bytes, Buffer.alloc(this.at)]);
    return start;
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
    const count = ids.length ? Math.max(...ids) + 1 : 0;
    const vtable = this.take(4 + 2 * count, 2);
    const table = this.take(4, 8);
    const later = [];
    this.put('i32', table, table - vtable);
    for (const id of ids) {
      const [kind, value] = fields[id];
      const size = sizes[kind] ?? 4;
      const place = this.take(size, size);
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
      if (kind === 'text') this.take(1, 1); // texts end with a zero
      return start;
    }
    const item = kind.split(' ')[1];
    const start = this.vector(value.length, sizes[item], sizes[item]);
    value.forEach((v, i) => this.put(item, start + 4 + sizes[item] * i, v));
    return start;
  }

  // Its length lies right before its items.
  vector(length, size, alignment) {
    this.take(4, 4);
    const items = this.take(size * length, alignment);
    this.put('u32', items - 4, length);
    return items - 4;
  }

  finish(fields) {
    this.put('u32', 0, this.table(fields));
    this.bytes.write('TFL3', 4, 'latin1');
    return Buffer.from(this.bytes.subarray(0, this.at));
  }
}

// --- The tables of the format, numbered as its schema numbers them.
export const FLOAT32 = 0;
export const INT32 = 2;
export const UINT8 = 3;
export const INT8 = 9;

// Operations: their number, and that of their options among all that an operator may have.
export const ADD = { code: 0, options: 11 };
export const CONV_2D = { code: 3, options: 1 };
export const DEPTHWISE_CONV_2D = { code: 4, options: 2 };
export const DEQUANTIZE = { code: 6, options: 38 };
export const FULLY_CONNECTED = { code: 9, options: 8 };
export const RESHAPE = { code: 22, options: 17 };
export const SOFTMAX = { code: 25, options: 9 };
export const MEAN = { code: 40, options: 27 };
export const QUANTIZE = { code: 114, options: 89 };

function packed({ type, data }) {
  if (!data) return null;
  const Items = { [INT32]: Int32Array, [INT8]: Int8Array }[type];
  return Buffer.from(Items.from(data).buffer);
}

function quantizationOf({ scales, zeros, axis = 0 }) {
  if (!scales) return {};
  return { 4: ['table', { 2: ['list f32', scales], 3: ['list i64', zeros], 6: ['i32', axis] }] };
}

// A file of `tensors` ({ name, dims, type, scales, zeros, axis, data }, data of constants only) and
// `operators` ({ kind, inputs, outputs, options }), which name tensors by their index; `options` are
// fields of the operation's own table.
export function writeTflite({ tensors, operators, inputs, outputs }) {
  const kinds = [...new Set(operators.map(({ kind }) => kind))];
  const codes = kinds.map(({ code }) => ({ 0: ['i8', code], 3: ['i32', code] }));
  const data = tensors.map(packed);
  const buffers = [null, ...data.filter(Boolean)]; // the first is that of all that are no constants
  const tables = tensors.map((tensor, i) => ({
    0: ['list i32', tensor.dims],
    1: ['i8', tensor.type],
    2: ['u32', data[i] ? buffers.indexOf(data[i]) : 0],
    3: ['text', tensor.name],
    ...quantizationOf(tensor),
  }));
  const operations = operators.map(({ kind, inputs: from, outputs: to, options }) => ({
    0: ['u32', kinds.indexOf(kind)],
    1: ['list i32', from],
    2: ['list i32', to],
    3: ['u8', kind.options],
    4: ['table', options],
  }));
  const main = {
    0: ['tables', tables],
    1: ['list i32', inputs],
    2: ['list i32', outputs],
    3: ['tables', operations],
  };
  return new Writer().finish({
    0: ['i32', 3],
    1: ['tables', codes],
    2: ['tables', [main]],
    4: ['tables', buffers.map((bytes) => (bytes ? { 0: ['bytes', bytes] } : {}))],
  });
}
