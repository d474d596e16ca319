import { type BlockLayout, blockLayouts, blockSource, emptyBlock } from './block-layouts.ts';
import { byteLengthOf, isBlockType } from './element-types.ts';
import { float16Table } from './float16.ts';
import { FormatError } from './format-error.ts';
import type { PlainType, WeightType } from './types.ts';

/**
 * The values of a weight as float32, `count` of them, from its bytes as they lie in the file (little-endian).
 * Block types are equal to gguf-py's `dequantize` bit for bit. Integers become floats,
 * float64 is rounded. Throws when the bytes are not exactly those of `count` elements.
 */
export function dequantise(type: WeightType, bytes: Uint8Array, count: number): Float32Array {
  const expected = byteLengthOf(type, count);
  if (bytes.byteLength !== expected) {
    throw new FormatError(`${count} elements of ${type} are ${expected} bytes; got ${bytes.byteLength}.`);
  }
  const values = new Float32Array(count);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (isBlockType(type)) readBlocks(blockLayouts[type], bytes, values);
  else readPlain(type, view, values);
  return values;
}

function readBlocks(layout: BlockLayout, bytes: Uint8Array, values: Float32Array): void {
  const source = blockSource(bytes);
  const block = emptyBlock(layout);
  const { numbers, scales, offsets } = block;
  const { elements, group } = layout;
  for (let at = 0, out = 0; out < values.length; at += layout.bytes, out += elements) {
    layout.read(source, at, block);
    for (let first = 0, g = 0; first < elements; first += group, g++) {
      const scale = scales[g]!;
      const end = first + group;
      if (layout.offsets) {
        const offset = offsets[g]!;
        for (let i = first; i < end; i++) values[out + i] = scale * numbers[i]! + offset;
      } else {
        for (let i = first; i < end; i++) values[out + i] = scale * numbers[i]!;
      }
    }
  }
}

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
