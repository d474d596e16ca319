import type { HostTensor } from '@working-papers/runtime';
import type { DenseInput } from './types.ts';

/** Programs for segments are compiled for one of these numbers of them, the least that suffices. */
export const segmentCounts = [16, 64, 256] as const;

/** The number of segments whose program takes so many; a sentence where there is none. */
export function segmentCountFor(segments: number): number {
  const count = segmentCounts.find((most) => most >= segments);
  if (count === undefined) {
    throw new Error(
      `A pass takes at most ${segmentCounts.at(-1)} segments; got ${segments}. Give fewer rows at once, or a mask in place of segments.`,
    );
  }
  return count;
}

export interface LaidSegments {
  /** `segment.N` and `order`, as `segmentInputs` names them. */
  inputs: Record<string, HostTensor>;
  /** `[rows * sequence]`: the place of each token in its segment; 0 outside of all. */
  positions: BigInt64Array;
  /** Tokens of all segments end to end. */
  length: number;
  /** Where the places `[start, end)` of a row lie among them; they must be of one segment. */
  locate(row: number, start: number, end: number): number;
}

/** Segments of `rows` rows of `sequence` tokens as inputs of a program for `count` of them; unused ones take place 0 once. */
export function laySegments(
  { segments = [], mask, positions: given }: Pick<DenseInput, 'segments' | 'mask' | 'positions'>,
  { rows, sequence, count, contextLength }: { rows: number; sequence: number; count: number; contextLength: number },
): LaidSegments {
  if (mask || given) {
    throw new Error('Segments stand in place of a mask and of positions, which begin at 0 in each; leave those out.');
  }
  const inputs: Record<string, HostTensor> = {};
  const positions = new BigInt64Array(rows * sequence);
  const order = new BigInt64Array(rows * sequence);
  const taken = new Uint8Array(rows * sequence);
  const offsets: number[] = [];
  let length = 0;
  for (const [index, { row, start, end }] of segments.entries()) {
    const whole = [row, start, end].every(Number.isInteger);
    if (!whole || row < 0 || row >= rows || start < 0 || start >= end || end > sequence) {
      throw new Error(
        `Segment ${index} is tokens ${start} to ${end} of row ${row}; it must be at least one token of ${rows} rows of ${sequence}.`,
      );
    }
    if (end - start > contextLength)
      throw new Error(`Segment ${index} has ${end - start} tokens; the model takes ${contextLength}.`);
    const places = new BigInt64Array(end - start);
    for (let token = start; token < end; token++) {
      const place = row * sequence + token;
      if (taken[place]) throw new Error(`Token ${token} of row ${row} lies in two segments.`);
      taken[place] = 1;
      places[token - start] = BigInt(place);
      positions[place] = BigInt(token - start);
      order[place] = BigInt(length + token - start);
    }
    inputs[`segment.${index}`] = { dtype: 'int64', shape: [1, places.length], data: places };
    offsets.push(length);
    length += places.length;
  }
  for (let index = segments.length; index < count; index++, length++) {
    inputs[`segment.${index}`] = { dtype: 'int64', shape: [1, 1], data: BigInt64Array.of(0n) };
  }
  inputs.order = { dtype: 'int64', shape: [rows, sequence], data: order };
  return {
    inputs,
    positions,
    length,
    locate(row, start, end) {
      const index = segments.findIndex((other) => other.row === row && other.start <= start && end <= other.end);
      if (index < 0 || start > end) throw new Error(`Places ${start} to ${end} of row ${row} are not of one segment.`);
      return offsets[index]! + start - segments[index]!.start;
    },
  };
}
