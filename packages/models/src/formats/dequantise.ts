import { byteLengthOf, isBlockType } from './element-types.ts';
import { FormatError } from './format-error.ts';
import type { BlockType, PlainType, WeightType } from './types.ts';

/**
 * The values of a weight as float32, `count` of them, from its bytes as they lie in the file (little-endian).
 * Block types follow ggml's `dequantize_row_*` (ggml-quants.c); equal to gguf-py bit for bit. Integers become floats,
 * float64 is rounded. Throws when the bytes are not exactly those of `count` elements.
 */
export function dequantise(type: WeightType, bytes: Uint8Array, count: number): Float32Array {
  const expected = byteLengthOf(type, count);
  if (bytes.byteLength !== expected) {
    throw new FormatError(`${count} elements of ${type} are ${expected} bytes; got ${bytes.byteLength}.`);
  }
  const values = new Float32Array(count);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (isBlockType(type)) blockReaders[type](view, bytes, values);
  else readPlain(type, view, values);
  return values;
}

let halves: Float32Array | undefined;

/** All 65,536 float16 values by their bits. */
export function float16Table(): Float32Array {
  if (halves) return halves;
  halves = new Float32Array(65536);
  for (let bits = 0; bits < 65536; bits++) {
    const exponent = (bits >> 10) & 31;
    const fraction = bits & 1023;
    const magnitude =
      exponent === 31
        ? fraction === 0
          ? Number.POSITIVE_INFINITY
          : Number.NaN
        : exponent === 0
          ? fraction * 2 ** -24
          : (1024 + fraction) * 2 ** (exponent - 25);
    halves[bits] = bits & 0x8000 ? -magnitude : magnitude;
  }
  return halves;
}

type BlockReader = (view: DataView, bytes: Uint8Array, values: Float32Array) => void;

const blockReaders: Record<BlockType, BlockReader> = {
  // x = d (q - 8); the first 16 elements are the low halves of the bytes, the last 16 the high halves
  Q4_0(view, bytes, values) {
    const half = float16Table();
    for (let at = 0, out = 0; out < values.length; at += 18, out += 32) {
      const d = half[view.getUint16(at, true)]!;
      for (let j = 0; j < 16; j++) {
        const pair = bytes[at + 2 + j]!;
        values[out + j] = d * ((pair & 15) - 8);
        values[out + 16 + j] = d * ((pair >> 4) - 8);
      }
    }
  },
  // x = d q + m
  Q4_1(view, bytes, values) {
    const half = float16Table();
    for (let at = 0, out = 0; out < values.length; at += 20, out += 32) {
      const d = half[view.getUint16(at, true)]!;
      const m = half[view.getUint16(at + 2, true)]!;
      for (let j = 0; j < 16; j++) {
        const pair = bytes[at + 4 + j]!;
        values[out + j] = d * (pair & 15) + m;
        values[out + 16 + j] = d * (pair >> 4) + m;
      }
    }
  },
  // x = d (q - 16); the fifth bits stand together in four bytes
  Q5_0(view, bytes, values) {
    const half = float16Table();
    for (let at = 0, out = 0; out < values.length; at += 22, out += 32) {
      const d = half[view.getUint16(at, true)]!;
      const fifth = view.getUint32(at + 2, true);
      for (let j = 0; j < 16; j++) {
        const pair = bytes[at + 6 + j]!;
        values[out + j] = d * (((pair & 15) | (((fifth >>> j) & 1) << 4)) - 16);
        values[out + 16 + j] = d * (((pair >> 4) | (((fifth >>> (j + 16)) & 1) << 4)) - 16);
      }
    }
  },
  // x = d q + m with five bits
  Q5_1(view, bytes, values) {
    const half = float16Table();
    for (let at = 0, out = 0; out < values.length; at += 24, out += 32) {
      const d = half[view.getUint16(at, true)]!;
      const m = half[view.getUint16(at + 2, true)]!;
      const fifth = view.getUint32(at + 4, true);
      for (let j = 0; j < 16; j++) {
        const pair = bytes[at + 8 + j]!;
        values[out + j] = d * ((pair & 15) | (((fifth >>> j) & 1) << 4)) + m;
        values[out + 16 + j] = d * ((pair >> 4) | (((fifth >>> (j + 16)) & 1) << 4)) + m;
      }
    }
  },
  // x = d q, q signed
  Q8_0(view, _bytes, values) {
    const half = float16Table();
    for (let at = 0, out = 0; out < values.length; at += 34, out += 32) {
      const d = half[view.getUint16(at, true)]!;
      for (let j = 0; j < 32; j++) values[out + j] = d * view.getInt8(at + 2 + j);
    }
  },
};

function readPlain(type: PlainType, view: DataView, values: Float32Array): void {
  const count = values.length;
  const half = float16Table();
  switch (type) {
    case 'F32':
      for (let i = 0; i < count; i++) values[i] = view.getFloat32(i * 4, true);
      return;
    case 'F16':
      for (let i = 0; i < count; i++) values[i] = half[view.getUint16(i * 2, true)]!;
      return;
    case 'BF16': {
      const bits = new Uint32Array(values.buffer);
      for (let i = 0; i < count; i++) bits[i] = view.getUint16(i * 2, true) << 16;
      return;
    }
    case 'F64':
      for (let i = 0; i < count; i++) values[i] = view.getFloat64(i * 8, true);
      return;
    case 'F8_E5M2': // the upper byte of a float16
      for (let i = 0; i < count; i++) values[i] = half[view.getUint8(i) << 8]!;
      return;
    case 'F8_E4M3':
      for (let i = 0; i < count; i++) values[i] = float8e4m3(view.getUint8(i));
      return;
    case 'I64':
      for (let i = 0; i < count; i++) values[i] = Number(view.getBigInt64(i * 8, true));
      return;
    case 'U64':
      for (let i = 0; i < count; i++) values[i] = Number(view.getBigUint64(i * 8, true));
      return;
    case 'I32':
      for (let i = 0; i < count; i++) values[i] = view.getInt32(i * 4, true);
      return;
    case 'U32':
      for (let i = 0; i < count; i++) values[i] = view.getUint32(i * 4, true);
      return;
    case 'I16':
      for (let i = 0; i < count; i++) values[i] = view.getInt16(i * 2, true);
      return;
    case 'U16':
      for (let i = 0; i < count; i++) values[i] = view.getUint16(i * 2, true);
      return;
    case 'I8':
      for (let i = 0; i < count; i++) values[i] = view.getInt8(i);
      return;
    case 'U8':
    case 'BOOL':
      for (let i = 0; i < count; i++) values[i] = view.getUint8(i);
      return;
  }
}

/** OCP 8-bit float, 4 exponent bits (bias 7), no infinities, NaN at all ones ("E4M3FN"). */
function float8e4m3(bits: number): number {
  const exponent = (bits >> 3) & 15;
  const fraction = bits & 7;
  const sign = bits & 128 ? -1 : 1;
  if (exponent === 15 && fraction === 7) return Number.NaN;
  return sign * (exponent === 0 ? fraction * 2 ** -9 : (8 + fraction) * 2 ** (exponent - 10));
}
