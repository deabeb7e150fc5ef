// SPDX-License-Identifier: Apache-2.0
// Reads FlatBuffers: tables by field number, as a schema numbers them. Every place is checked to lie
// in the file, by the reads themselves.

export class Table {
  constructor(view, at) {
    this.view = view;
    this.at = at;
    this.fields = at - view.getInt32(at, true);
    this.count = (view.getUint16(this.fields, true) - 4) / 2;
  }

  // Place of a field, 0 when it is absent.
  place(id) {
    if (id >= this.count) return 0;
    const offset = this.view.getUint16(this.fields + 4 + 2 * id, true);
    return offset ? this.at + offset : 0;
  }

  number(id, kind, fallback = 0) {
    const at = this.place(id);
    if (!at) return fallback;
    const read = { u8: 'getUint8', i8: 'getInt8', i32: 'getInt32', u32: 'getUint32', f32: 'getFloat32' };
    return this.view[read[kind]](at, true);
  }

  table(id) {
    const at = this.place(id);
    return at ? new Table(this.view, at + this.view.getUint32(at, true)) : null;
  }

  // Start of a vector's items and their number.
  vector(id) {
    const at = this.place(id);
    if (!at) return { start: 0, length: 0 };
    const start = at + this.view.getUint32(at, true);
    const length = this.view.getUint32(start, true);
    if (length > this.view.byteLength) throw new RangeError(`a vector of ${length} items`);
    return { start: start + 4, length };
  }

  tables(id) {
    const { start, length } = this.vector(id);
    return Array.from({ length }, (_, i) => {
      const at = start + 4 * i;
      return new Table(this.view, at + this.view.getUint32(at, true));
    });
  }

  numbers(id, kind) {
    const { start, length } = this.vector(id);
    const read = {
      i32: (i) => this.view.getInt32(start + 4 * i, true),
      f32: (i) => this.view.getFloat32(start + 4 * i, true),
      i64: (i) => Number(this.view.getBigInt64(start + 8 * i, true)),
    }[kind];
    return Array.from({ length }, (_, i) => read(i));
  }

  bytes(id) {
    const { start, length } = this.vector(id);
    return Buffer.from(this.view.buffer, this.view.byteOffset + start, length);
  }

  text(id) {
    return this.bytes(id).toString('utf8');
  }
}

// The root table of a file with this identifier.
export function readFlatbuffer(bytes, identifier) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < 8 || bytes.toString('latin1', 4, 8) !== identifier) throw new Error(`no ${identifier} file`);
  return new Table(view, view.getUint32(0, true));
}
