import { blockLayouts } from './block-layouts.ts';
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

export function isBlockType(type: string): type is BlockType {
  return Object.hasOwn(blockLayouts, type);
}

export function isPlainType(type: string): type is PlainType {
  return Object.hasOwn(elementBytes, type);
}

/** Bytes that `count` elements take; `count` must be a whole number of blocks for block types. */
export function byteLengthOf(type: WeightType, count: number): number {
  if (!isBlockType(type)) return count * elementBytes[type];
  const { elements, bytes } = blockLayouts[type];
  if (count % elements !== 0) {
    throw new FormatError(
      `${type} keeps ${elements} elements a block; ${count} elements are no whole number of blocks.`,
    );
  }
  return (count / elements) * bytes;
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

/** A value of a file for an error message: as it is where it is short by nature, otherwise as {@link show} shows its text. */
export function showValue(value: unknown): string {
  const plain = typeof value === 'number' || typeof value === 'boolean' || value === undefined || value === null;
  return plain ? String(value) : show(String(value));
}
