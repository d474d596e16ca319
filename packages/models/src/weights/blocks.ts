/**
 * From the blocks of a file to the operands of `MatMulNBits`, without a second loss: a weight stays scale * number + offset with the
 * same numbers and scales, in the order that ONNX Runtime's MatMulNBits takes.
 */
import { blockLayouts, blockSource, emptyBlock } from '../formats/block-layouts.ts';
import type { BlockType } from '../formats/types.ts';

/** Weights a block of what is requantised here. */
export const blockSize = 32;

/** Operands of one `MatMulNBits` product with weights `[rows, columns]`, in blocks of {@link Packing.blockSize}. */
export interface PackedBlocks {
  /** `[rows, blocks, bytes of a block]`: 4-bit pairs, the even weight low; or bytes. Zero stands at 8 or 128. */
  values: Uint8Array;
  /** `[rows, blocks]` */
  scales: Float32Array;
  /** `[rows, blocks]`: what each block adds to all its weights beside scale * (value - zero). */
  offsets?: Float32Array;
}

/** How the blocks of a type are held for products. */
export interface Packing {
  bits: 4 | 8;
  /** Weights a block. */
  blockSize: number;
  /** Whether blocks have {@link PackedBlocks.offsets}. */
  offsets: boolean;
  /** What is taken from a type's numbers so that they lie around zero; the offsets make up for it. */
  middle: number;
}

/**
 * 4 bits where a type has at most 16 numbers, bytes otherwise. Types with a scale for 16 weights get bytes too, which the kernel
 * multiplies no slower than 4-bit blocks of 16 (bench/blocks.mjs).
 */
export function packingOf(type: BlockType): Packing {
  const { group, offsets, range } = blockLayouts[type];
  const [least, greatest] = range;
  const bits = group >= 32 && greatest - least < 16 && (offsets || least >= -8) ? 4 : 8;
  return { bits, blockSize: group, offsets, middle: offsets ? Math.ceil((least + greatest) / 2) : 0 };
}

/** Rearranges `count` weights of a file's blocks; every weight keeps its value (with offsets: to a rounding of float32). */
export function packBlocks(type: BlockType, bytes: Uint8Array, count: number): PackedBlocks {
  const layout = blockLayouts[type];
  const packing = packingOf(type);
  const groups = layout.elements / layout.group;
  const values = new Uint8Array((count * packing.bits) / 8);
  const scales = new Float32Array(count / layout.group);
  const offsets = packing.offsets ? new Float32Array(count / layout.group) : undefined;
  const source = blockSource(bytes);
  const block = emptyBlock(layout);
  const up = (packing.bits === 4 ? 8 : 128) - packing.middle;
  const pack = packing.bits === 4 ? packPairs : packBytes;
  const stride = (layout.elements * packing.bits) / 8;
  for (let index = 0, at = 0; at < bytes.length; index++, at += layout.bytes) {
    layout.read(source, at, block);
    pack(block.numbers, up, values, index * stride);
    scales.set(block.scales, index * groups);
    if (!offsets) continue;
    for (let g = 0; g < groups; g++)
      offsets[index * groups + g] = block.offsets[g]! + packing.middle * block.scales[g]!;
  }
  return { values, scales, ...(offsets ? { offsets } : {}) };
}

function packPairs(numbers: Int8Array, up: number, values: Uint8Array, to: number): void {
  for (let i = 0, j = to; i < numbers.length; i += 2, j++)
    values[j] = (numbers[i]! + up) | ((numbers[i + 1]! + up) << 4);
}

function packBytes(numbers: Int8Array, up: number, values: Uint8Array, to: number): void {
  for (let i = 0; i < numbers.length; i++) values[to + i] = numbers[i]! + up;
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
  return { values, scales };
}
