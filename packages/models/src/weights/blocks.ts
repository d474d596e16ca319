/**
 * From the blocks of a file to the operands of `MatMulNBits`, and back for nothing: a block of 32 weights stays the same
 * 32 numbers. Layouts: ggml's `block_q4_0`, `block_q4_1`, `block_q8_0` (ggml-quants.h) and ONNX Runtime's MatMulNBits.
 */
import type { WeightType } from '../formats/types.ts';

/** Weights a block; the same in ggml and in what we give to MatMulNBits. */
export const blockSize = 32;

/** Operands of one `MatMulNBits` product with weights `[rows, columns]`. */
export interface PackedBlocks {
  bits: 4 | 8;
  /** `[rows, columns / 32, 16 or 32]`: 4-bit pairs, the even weight low; or bytes. Zero stands at 8 or 128. */
  values: Uint8Array;
  /** `[rows, columns / 32]` */
  scales: Float32Array;
  /** `[rows, columns / 32]`: what each block adds to all its weights beside scale * (value - zero); Q4_1 only. */
  offsets?: Float32Array;
}

/** float16 bits to a number. */
export function halfToNumber(bits: number): number {
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  const sign = bits & 0x8000 ? -1 : 1;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

/** Whether a type's blocks can be multiplied as they are. */
export function isPackable(type: WeightType): type is 'Q4_0' | 'Q4_1' | 'Q8_0' {
  return type === 'Q4_0' || type === 'Q4_1' || type === 'Q8_0';
}

/** Rearranges `count` weights of a file's blocks; every weight keeps its exact value. */
export function packBlocks(type: 'Q4_0' | 'Q4_1' | 'Q8_0', bytes: Uint8Array, count: number): PackedBlocks {
  return type === 'Q8_0' ? packEightBit(bytes, count) : packFourBit(type, bytes, count);
}

function packFourBit(type: 'Q4_0' | 'Q4_1', bytes: Uint8Array, count: number): PackedBlocks {
  const blocks = count / blockSize;
  const header = type === 'Q4_1' ? 4 : 2;
  const stride = header + 16;
  const values = new Uint8Array(blocks * 16);
  const scales = new Float32Array(blocks);
  const offsets = type === 'Q4_1' ? new Float32Array(blocks) : undefined;
  for (let block = 0; block < blocks; block++) {
    const from = block * stride;
    const scale = halfToNumber(bytes[from]! | (bytes[from + 1]! << 8));
    scales[block] = scale;
    // Q4_1 is scale * value + minimum: the product takes scale * (value - 8), and minimum + 8 * scale remains.
    if (offsets) offsets[block] = halfToNumber(bytes[from + 2]! | (bytes[from + 3]! << 8)) + 8 * scale;
    const source = from + header;
    const target = block * 16;
    // ggml: weight i is the low half of byte i, weight 16 + i its high half. ONNX Runtime: neighbours share a byte.
    for (let i = 0; i < 8; i++) {
      const first = bytes[source + 2 * i]!;
      const second = bytes[source + 2 * i + 1]!;
      values[target + i] = (first & 15) | ((second & 15) << 4);
      values[target + 8 + i] = (first >> 4) | (second & 0xf0);
    }
  }
  return { bits: 4, values, scales, offsets };
}

function packEightBit(bytes: Uint8Array, count: number): PackedBlocks {
  const blocks = count / blockSize;
  const values = new Uint8Array(count);
  const scales = new Float32Array(blocks);
  for (let block = 0; block < blocks; block++) {
    const from = block * 34;
    scales[block] = halfToNumber(bytes[from]! | (bytes[from + 1]! << 8));
    const target = block * blockSize;
    for (let i = 0; i < blockSize; i++) values[target + i] = bytes[from + 2 + i]! ^ 128; // int8 to offset binary
  }
  return { bits: 8, values, scales };
}

/** Rounds weights to 8 bits in blocks of 32, symmetric: scale = largest magnitude / 127. */
export function quantiseEightBit(weights: Float32Array): PackedBlocks {
  const blocks = weights.length / blockSize;
  const values = new Uint8Array(weights.length);
  const scales = new Float32Array(blocks);
  for (let block = 0; block < blocks; block++) {
    const from = block * blockSize;
    let largest = 0;
    for (let i = 0; i < blockSize; i++) largest = Math.max(largest, Math.abs(weights[from + i]!));
    const scale = Math.fround(largest / 127);
    scales[block] = scale;
    const inverse = scale > 0 ? 1 / scale : 0;
    for (let i = 0; i < blockSize; i++) values[from + i] = Math.round(weights[from + i]! * inverse) + 128;
  }
  return { bits: 8, values, scales };
}
