import { FormatError } from './format-error.ts';
import type { BlockType, PlainType, WeightType } from './types.ts';

/** Bytes of one element. */
export const elementBytes: Record<PlainType, number> = {
  F64: 8,
  F32: 4,
  F16: 2,
  BF16: 2,
  F8_E4M3: 1,
  F8_E5M2: 1,
  I64: 8,
  I32: 4,
  I16: 2,
  I8: 1,
  U64: 8,
  U32: 4,
  U16: 2,
  U8: 1,
  BOOL: 1,
};

/** Elements in a block of every block type read here. */
export const blockElements = 32;

/** Bytes of one block of 32 elements: scale, minimum (x_1 types), fifth bits (Q5), quants. */
export const blockBytes: Record<BlockType, number> = { Q4_0: 18, Q4_1: 20, Q5_0: 22, Q5_1: 24, Q8_0: 34 };

export function isBlockType(type: string): type is BlockType {
  return Object.hasOwn(blockBytes, type);
}

export function isPlainType(type: string): type is PlainType {
  return Object.hasOwn(elementBytes, type);
}

/** Bytes that `count` elements take; `count` must be a multiple of 32 for block types. */
export function byteLengthOf(type: WeightType, count: number): number {
  if (!isBlockType(type)) return count * elementBytes[type];
  if (count % blockElements !== 0) {
    throw new FormatError(
      `${type} keeps ${blockElements} elements a block; ${count} elements are no whole number of blocks.`,
    );
  }
  return (count / blockElements) * blockBytes[type];
}

/** Largest number of elements or bytes a tensor may declare: exact in a double with room for products. */
const mostElements = 2 ** 50;

/** The product of a shape, refused when a dimension is no whole number or the product is absurd. */
export function elementCount(shape: readonly number[], name: string): number {
  let count = 1;
  for (const dimension of shape) {
    if (!Number.isInteger(dimension) || dimension < 0) {
      throw new FormatError(
        `Tensor ${show(name)} has the dimension ${dimension}; dimensions are whole numbers from 0.`,
      );
    }
    count *= dimension;
    if (count > mostElements || dimension > mostElements) {
      throw new FormatError(`Tensor ${show(name)} declares more than 2^50 elements (shape ${shape.join(' x ')}).`);
    }
  }
  return count;
}

/** A name from a file, quoted and cut for an error message. */
export function show(name: string): string {
  return JSON.stringify(name.length > 120 ? `${name.slice(0, 120)}…` : name);
}
