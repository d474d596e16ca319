import { blockLayouts } from './block-layouts.ts';
import { byteLengthOf, isBlockType } from './element-types.ts';
import { bfloat16BitsOf, float16BitsOf } from './float16.ts';
import { FormatError } from './format-error.ts';

/** Types that weights are written in. */
export const writtenTypes = ['F32', 'F16', 'BF16', 'Q8_0', 'Q4_0'] as const;
export type WrittenType = (typeof writtenTypes)[number];

/** Whether rows of so many weights can be written in a type: block types take whole blocks. */
export const fitsRows = (type: WrittenType, row: number): boolean =>
  !isBlockType(type) || row % blockLayouts[type].elements === 0;

/**
 * Weights as bytes of a type (little-endian). F16 and BF16 are rounded to the nearest, ties to even; Q8_0 and Q4_0 are equal, byte for
 * byte, to ggml's `quantize_row_q8_0_ref` and `quantize_row_q4_0_ref` and to gguf-py. Throws where a value has no place in the type.
 */
export function quantise(type: WrittenType, values: Float32Array): Uint8Array {
  switch (type) {
    case 'F32':
      return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
    case 'F16':
      return bytesOf(checkedHalves(values, 'fp16'));
    case 'BF16':
      return bytesOf(bfloat16BitsOf(values));
    case 'Q8_0':
      return quantiseEight(values);
    case 'Q4_0':
      return quantiseFour(values);
  }
}

const bytesOf = (bits: Uint16Array): Uint8Array => new Uint8Array(bits.buffer);

/** Halves of finite values must stay finite. */
function checkedHalves(values: Float32Array, what: string): Uint16Array {
  const bits = float16BitsOf(values);
  const beyond = bits.findIndex((half, i) => (half & 0x7fff) === 0x7c00 && Number.isFinite(values[i]!));
  if (beyond >= 0) {
    throw new FormatError(
      `It holds the value ${values[beyond]}, which ${what} cannot (the most is 65504). Save it as bf16 or fp32.`,
    );
  }
  return bits;
}

/** Weights a block of Q8_0 and Q4_0. */
const block = 32;

/** Each block's scale is its largest magnitude / 127; numbers are rounded half away from zero. */
function quantiseEight(values: Float32Array): Uint8Array {
  const { bytes, stride, blocks } = emptyBlocks('Q8_0', values);
  const scales = new Float32Array(blocks);
  for (let b = 0; b < blocks; b++) {
    const from = b * block;
    let largest = 0;
    for (let i = from; i < from + block; i++) largest = Math.max(largest, Math.abs(values[i]!));
    const scale = Math.fround(largest / 127);
    scales[b] = scale;
    const inverse = scale === 0 ? 0 : Math.fround(1 / scale);
    for (let i = 0; i < block; i++) {
      const x = Math.fround(values[from + i]! * inverse);
      bytes[b * stride + 2 + i] = x < 0 ? -Math.round(-x) : Math.round(x);
    }
  }
  return withScales(bytes, scales, stride);
}

/** Each block's scale is its largest weight, with its sign, / -8; the weights of its halves share bytes. */
function quantiseFour(values: Float32Array): Uint8Array {
  const { bytes, stride, blocks } = emptyBlocks('Q4_0', values);
  const scales = new Float32Array(blocks);
  for (let b = 0; b < blocks; b++) {
    const from = b * block;
    let largest = 0;
    for (let i = from; i < from + block; i++) if (Math.abs(values[i]!) > Math.abs(largest)) largest = values[i]!;
    const scale = Math.fround(largest / -8);
    scales[b] = scale;
    const inverse = scale === 0 ? 0 : Math.fround(1 / scale);
    const code = (i: number) => Math.min(15, Math.trunc(Math.fround(Math.fround(values[i]! * inverse) + 8.5)));
    for (let i = 0; i < block / 2; i++) {
      bytes[b * stride + 2 + i] = code(from + i) | (code(from + block / 2 + i) << 4);
    }
  }
  return withScales(bytes, scales, stride);
}

function emptyBlocks(type: 'Q8_0' | 'Q4_0', values: Float32Array) {
  const bytes = new Uint8Array(byteLengthOf(type, values.length));
  return { bytes, stride: blockLayouts[type].bytes, blocks: values.length / block };
}

function withScales(bytes: Uint8Array, scales: Float32Array, stride: number): Uint8Array {
  const halves = checkedHalves(scales, 'the scale of a block');
  const view = new DataView(bytes.buffer);
  for (let b = 0; b < scales.length; b++) view.setUint16(b * stride, halves[b]!, true);
  return bytes;
}
