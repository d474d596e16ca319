import { float16Table } from './float16.ts';
import type { BlockType } from './types.ts';

/**
 * How ggml keeps weights in blocks (ggml-common.h, `dequantize_row_*` in ggml-quants.c). Every type is the same thing: whole
 * numbers in groups, each group with a scale and, in some types, an offset: weight = scale * number + offset.
 */
export interface BlockLayout {
  /** Weights a block, and bytes it takes. */
  elements: number;
  bytes: number;
  /** Weights that share a scale. */
  group: number;
  /** Whether groups have an offset. */
  offsets: boolean;
  /** The least and the greatest number that a weight can have before its scale. */
  range: readonly [number, number];
  /** Reads the block at `at`. */
  read(source: BlockSource, at: number, block: Block): void;
}

export interface BlockSource {
  bytes: Uint8Array;
  view: DataView;
}

/** One block taken apart; exact in these types. */
export interface Block {
  numbers: Int8Array;
  scales: Float32Array;
  offsets: Float32Array;
}

export const emptyBlock = ({ elements, group }: BlockLayout): Block => ({
  numbers: new Int8Array(elements),
  scales: new Float32Array(elements / group),
  offsets: new Float32Array(elements / group),
});

export const blockSource = (bytes: Uint8Array): BlockSource => ({
  bytes,
  view: new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength),
});

const half = float16Table();
const halfAt = ({ view }: BlockSource, at: number): number => half[view.getUint16(at, true)]!;

/** `count` 4-bit numbers: the low halves of `count / 2` bytes, then the high ones. */
function readNibbles({ bytes }: BlockSource, at: number, count: number, numbers: Int8Array, to: number, less: number) {
  const pairs = count / 2;
  for (let i = 0; i < pairs; i++) {
    const pair = bytes[at + i]!;
    numbers[to + i] = (pair & 15) - less;
    numbers[to + pairs + i] = (pair >> 4) - less;
  }
}

/** The same through a table of values. */
function readCodes(source: BlockSource, at: number, table: Int8Array, numbers: Int8Array, to: number) {
  readNibbles(source, at, 32, numbers, to, 0);
  for (let i = to; i < to + 32; i++) numbers[i] = table[numbers[i]!]!;
}

/** Values of the 4-bit codes of IQ4_NL and IQ4_XS (`kvalues_iq4nl`), and of MXFP4 doubled. */
const normalCodes = Int8Array.of(-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113);
const floatCodes = Int8Array.of(0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12);

/** Adds the fifth bits, which stand together, to 32 numbers. */
function addFifthBits(fifth: number, numbers: Int8Array, less: number) {
  for (let i = 0; i < 32; i++) numbers[i] = (numbers[i]! | (((fifth >>> i) & 1) << 4)) - less;
}

/** Scale and minimum of the eight groups of Q4_K and Q5_K: 6 bits each in twelve bytes (`get_scale_min_k4`). */
function readScalesAndMinima(source: BlockSource, at: number, { scales, offsets }: Block) {
  const { bytes } = source;
  const d = halfAt(source, at);
  const m = halfAt(source, at + 2);
  const packed = at + 4;
  for (let j = 0; j < 4; j++) {
    const [low, middle, high] = [bytes[packed + j]!, bytes[packed + 4 + j]!, bytes[packed + 8 + j]!];
    scales[j] = d * (low & 63);
    offsets[j] = -(m * (middle & 63));
    scales[4 + j] = d * ((high & 15) | ((low >> 2) & 48));
    offsets[4 + j] = -(m * ((high >> 4) | ((middle >> 2) & 48)));
  }
}

const eightBit = [-128, 127] as const;

export const blockLayouts: Record<BlockType, BlockLayout> = {
  Q4_0: {
    ...{ elements: 32, bytes: 18, group: 32, offsets: false, range: [-8, 7] },
    read(source, at, { numbers, scales }) {
      scales[0] = halfAt(source, at);
      readNibbles(source, at + 2, 32, numbers, 0, 8);
    },
  },
  Q4_1: {
    ...{ elements: 32, bytes: 20, group: 32, offsets: true, range: [0, 15] },
    read(source, at, { numbers, scales, offsets }) {
      scales[0] = halfAt(source, at);
      offsets[0] = halfAt(source, at + 2);
      readNibbles(source, at + 4, 32, numbers, 0, 0);
    },
  },
  Q5_0: {
    ...{ elements: 32, bytes: 22, group: 32, offsets: false, range: [-16, 15] },
    read(source, at, { numbers, scales }) {
      scales[0] = halfAt(source, at);
      readNibbles(source, at + 6, 32, numbers, 0, 0);
      addFifthBits(source.view.getUint32(at + 2, true), numbers, 16);
    },
  },
  Q5_1: {
    ...{ elements: 32, bytes: 24, group: 32, offsets: true, range: [0, 31] },
    read(source, at, { numbers, scales, offsets }) {
      scales[0] = halfAt(source, at);
      offsets[0] = halfAt(source, at + 2);
      readNibbles(source, at + 8, 32, numbers, 0, 0);
      addFifthBits(source.view.getUint32(at + 4, true), numbers, 0);
    },
  },
  Q8_0: {
    ...{ elements: 32, bytes: 34, group: 32, offsets: false, range: eightBit },
    read(source, at, { numbers, scales }) {
      scales[0] = halfAt(source, at);
      for (let i = 0; i < 32; i++) numbers[i] = source.bytes[at + 2 + i]!;
    },
  },
  // The half after the scale is scale times the sum of the numbers, for products of two such blocks.
  Q8_1: {
    ...{ elements: 32, bytes: 36, group: 32, offsets: false, range: eightBit },
    read(source, at, { numbers, scales }) {
      scales[0] = halfAt(source, at);
      for (let i = 0; i < 32; i++) numbers[i] = source.bytes[at + 4 + i]!;
    },
  },
  Q2_K: {
    ...{ elements: 256, bytes: 84, group: 16, offsets: true, range: [0, 3] },
    read(source, at, { numbers, scales, offsets }) {
      const { bytes } = source;
      const d = halfAt(source, at + 80);
      const m = halfAt(source, at + 82);
      for (let j = 0; j < 16; j++) {
        scales[j] = d * (bytes[at + j]! & 15);
        offsets[j] = -(m * (bytes[at + j]! >> 4));
      }
      for (let i = 0; i < 256; i++) {
        numbers[i] = (bytes[at + 16 + ((i >> 7) << 5) + (i & 31)]! >> (2 * ((i >> 5) & 3))) & 3;
      }
    },
  },
  Q3_K: {
    ...{ elements: 256, bytes: 110, group: 16, offsets: false, range: [-4, 3] },
    read(source, at, { numbers, scales }) {
      const { bytes } = source;
      const d = halfAt(source, at + 108);
      for (let j = 0; j < 16; j++) {
        const low = (bytes[at + 96 + (j & 7)]! >> (4 * (j >> 3))) & 15;
        const high = (bytes[at + 104 + (j & 3)]! >> (2 * (j >> 2))) & 3;
        scales[j] = d * ((low | (high << 4)) - 32);
      }
      for (let i = 0; i < 256; i++) {
        const low = (bytes[at + 32 + ((i >> 7) << 5) + (i & 31)]! >> (2 * ((i >> 5) & 3))) & 3;
        const high = (bytes[at + (i & 31)]! >> (i >> 5)) & 1;
        numbers[i] = low - (high ? 0 : 4);
      }
    },
  },
  Q4_K: {
    ...{ elements: 256, bytes: 144, group: 32, offsets: true, range: [0, 15] },
    read(source, at, block) {
      readScalesAndMinima(source, at, block);
      for (let part = 0; part < 4; part++) readNibbles(source, at + 16 + 32 * part, 64, block.numbers, 64 * part, 0);
    },
  },
  Q5_K: {
    ...{ elements: 256, bytes: 176, group: 32, offsets: true, range: [0, 31] },
    read(source, at, block) {
      readScalesAndMinima(source, at, block);
      const { numbers } = block;
      for (let part = 0; part < 4; part++) readNibbles(source, at + 48 + 32 * part, 64, numbers, 64 * part, 0);
      for (let i = 0; i < 256; i++) {
        numbers[i] = numbers[i]! | (((source.bytes[at + 16 + (i & 31)]! >> (i >> 5)) & 1) << 4);
      }
    },
  },
  Q6_K: {
    ...{ elements: 256, bytes: 210, group: 16, offsets: false, range: [-32, 31] },
    read(source, at, { numbers, scales }) {
      const { bytes, view } = source;
      const d = halfAt(source, at + 208);
      for (let j = 0; j < 16; j++) scales[j] = d * view.getInt8(at + 192 + j);
      for (let part = 0; part < 2; part++) readNibbles(source, at + 64 * part, 128, numbers, 128 * part, 0);
      for (let i = 0; i < 256; i++) {
        const high = (bytes[at + 128 + ((i >> 7) << 5) + (i & 31)]! >> (2 * ((i >> 5) & 3))) & 3;
        numbers[i] = (numbers[i]! | (high << 4)) - 32;
      }
    },
  },
  // The sums of each 16 numbers follow, for products of two such blocks.
  Q8_K: {
    ...{ elements: 256, bytes: 292, group: 256, offsets: false, range: eightBit },
    read(source, at, { numbers, scales }) {
      scales[0] = source.view.getFloat32(at, true);
      for (let i = 0; i < 256; i++) numbers[i] = source.bytes[at + 4 + i]!;
    },
  },
  IQ4_NL: {
    ...{ elements: 32, bytes: 18, group: 32, offsets: false, range: eightBit },
    read(source, at, { numbers, scales }) {
      scales[0] = halfAt(source, at);
      readCodes(source, at + 2, normalCodes, numbers, 0);
    },
  },
  IQ4_XS: {
    ...{ elements: 256, bytes: 136, group: 32, offsets: false, range: eightBit },
    read(source, at, { numbers, scales }) {
      const { bytes, view } = source;
      const d = halfAt(source, at);
      const high = view.getUint16(at + 2, true);
      for (let j = 0; j < 8; j++) {
        const low = (bytes[at + 4 + (j >> 1)]! >> (4 * (j & 1))) & 15;
        scales[j] = d * ((low | (((high >> (2 * j)) & 3) << 4)) - 32);
        readCodes(source, at + 8 + 16 * j, normalCodes, numbers, 32 * j);
      }
    },
  },
  // Numbers of three values, five to a byte as a fraction of 256 in base 3.
  TQ1_0: {
    ...{ elements: 256, bytes: 54, group: 256, offsets: false, range: [-1, 1] },
    read(source, at, { numbers, scales }) {
      const { bytes } = source;
      scales[0] = halfAt(source, at + 52);
      let to = 0;
      for (const [from, count, digits] of ternaryParts) {
        for (let digit = 0, power = 1; digit < digits; digit++, power *= 3) {
          for (let i = 0; i < count; i++) numbers[to++] = ((((bytes[at + from + i]! * power) & 255) * 3) >> 8) - 1;
        }
      }
    },
  },
  TQ2_0: {
    ...{ elements: 256, bytes: 66, group: 256, offsets: false, range: [-1, 2] },
    read(source, at, { numbers, scales }) {
      scales[0] = halfAt(source, at + 64);
      for (let i = 0; i < 256; i++) {
        numbers[i] = ((source.bytes[at + ((i >> 7) << 5) + (i & 31)]! >> (2 * ((i >> 5) & 3))) & 3) - 1;
      }
    },
  },
  // 4-bit floats (doubled, so that they are whole) with a power of two as their scale (halved).
  MXFP4: {
    ...{ elements: 32, bytes: 17, group: 32, offsets: false, range: [-12, 12] },
    read(source, at, { numbers, scales }) {
      scales[0] = 2 ** (source.bytes[at]! - 128);
      readCodes(source, at + 1, floatCodes, numbers, 0);
    },
  },
};

/** Where the digits of TQ1_0 stand: from this byte so many bytes, each of so many digits. */
const ternaryParts = [
  [0, 32, 5],
  [32, 16, 5],
  [48, 4, 4],
] as const;
