import { blockLayouts } from './block-layouts.ts';
import { byteLengthOf, elementCount, isBlockType, show } from './element-types.ts';
import { FormatError } from './format-error.ts';
import type { WeightType } from './types.ts';

/**
 * GGUF header reader (https://github.com/ggml-org/ggml/blob/master/docs/gguf.md, versions 2 and 3, little-endian).
 *
 * `@huggingface/gguf` is the oracle of its tests and not its parser: it pads what it has read with zeros, so a file of
 * 64 bytes that declares a million tensors parses without complaint and takes 500 MB. Here every count is checked
 * against the bytes that are left in the file before anything is allocated for it.
 */

export type GgufValue = string | number | bigint | boolean | GgufArray;
/** Numbers stay in typed arrays of their own width, so that an array takes about what it takes in the file. */
export type GgufArray = readonly string[] | readonly boolean[] | GgufNumbers | readonly GgufArray[];
export type GgufNumbers =
  | Uint8Array
  | Int8Array
  | Uint16Array
  | Int16Array
  | Uint32Array
  | Int32Array
  | Float32Array
  | Float64Array
  | BigUint64Array
  | BigInt64Array;

/** One tensor under its name in the file; shape outermost dimension first; bytes `[start, end)` of the file. */
export interface GgufTensor {
  name: string;
  type: WeightType;
  shape: number[];
  count: number;
  start: number;
  end: number;
}

export interface GgufHeader {
  version: number;
  metadata: Map<string, GgufValue>;
  tensors: GgufTensor[];
  /** Where the tensors' bytes begin. */
  dataStart: number;
}

/** The bytes given so far end inside the header although the file goes on: give more. */
export class HeaderGoesOn extends Error {}

/** ggml's type numbers (`ggml_type` in ggml.h) that are read here. */
export const tensorTypes: Record<number, WeightType> = {
  0: 'F32',
  1: 'F16',
  2: 'Q4_0',
  3: 'Q4_1',
  6: 'Q5_0',
  7: 'Q5_1',
  8: 'Q8_0',
  9: 'Q8_1',
  10: 'Q2_K',
  11: 'Q3_K',
  12: 'Q4_K',
  13: 'Q5_K',
  14: 'Q6_K',
  15: 'Q8_K',
  20: 'IQ4_NL',
  23: 'IQ4_XS',
  24: 'I8',
  25: 'I16',
  26: 'I32',
  27: 'I64',
  28: 'F64',
  30: 'BF16',
  34: 'TQ1_0',
  35: 'TQ2_0',
  39: 'MXFP4',
};

/** Names of types that are not read, for the error message. */
const otherTypes: Record<number, string> = {
  16: 'IQ2_XXS',
  17: 'IQ2_XS',
  18: 'IQ3_XXS',
  19: 'IQ1_S',
  21: 'IQ3_S',
  22: 'IQ2_S',
  29: 'IQ1_M',
  40: 'NVFP4',
  41: 'Q1_0',
};

/**
 * Parses the header from the beginning of a file of `fileBytes` bytes. `bytes` may be only its first part: when the
 * header goes on beyond them, {@link HeaderGoesOn} is thrown; a header that goes on beyond the file is refused.
 */
export function parseGgufHeader(bytes: Uint8Array, fileBytes: number): GgufHeader {
  const reader = new Reader(bytes, fileBytes);
  const magic = reader.take(4, 'the magic number');
  if (reader.text(magic, 4) !== 'GGUF') throw new FormatError('The file does not begin with GGUF: it is no GGUF file.');
  const version = reader.uint32('the version');
  if (version !== 2 && version !== 3) {
    throw new FormatError(
      (version & 0xffff) === 0
        ? 'The GGUF file is big-endian, which is not read here.'
        : `The GGUF file has version ${version}; versions 2 and 3 are read.`,
    );
  }
  const tensorCount = reader.count('tensors', 24);
  const entryCount = reader.count('metadata entries', 13);
  const metadata = new Map<string, GgufValue>();
  for (let i = 0; i < entryCount; i++) {
    const key = reader.string('a metadata key');
    if (metadata.has(key)) throw new FormatError(`The GGUF metadata has ${show(key)} twice.`);
    metadata.set(key, reader.value(reader.uint32(`the type of ${show(key)}`), key, 0));
  }
  const places = readTensorTable(reader, tensorCount);
  const alignment = metadata.get('general.alignment') ?? 32;
  if (typeof alignment !== 'number' || !Number.isInteger(alignment) || alignment < 1 || alignment > 2 ** 20) {
    throw new FormatError(`The GGUF alignment is ${String(alignment)}; it must be a whole number from 1 to 1,048,576.`);
  }
  const dataStart = Math.ceil(reader.offset / alignment) * alignment;
  return { version, metadata, tensors: placeTensors(places, dataStart, alignment, fileBytes), dataStart };
}

interface TensorPlace extends Omit<GgufTensor, 'start' | 'end'> {
  offset: bigint;
  bytes: number;
}

function readTensorTable(reader: Reader, count: number): TensorPlace[] {
  const places: TensorPlace[] = [];
  const seen = new Set<string>();
  for (let i = 0; i < count; i++) {
    const name = reader.string('a tensor name');
    if (seen.has(name)) throw new FormatError(`The GGUF file names tensor ${show(name)} twice.`);
    seen.add(name);
    const dimensions = reader.uint32(`the dimensions of ${show(name)}`);
    if (dimensions > 4) throw new FormatError(`Tensor ${show(name)} has ${dimensions} dimensions; GGUF has at most 4.`);
    const shape: number[] = [];
    for (let d = 0; d < dimensions; d++) shape.unshift(Number(reader.uint64(`a dimension of ${show(name)}`)));
    const number = reader.uint32(`the type of ${show(name)}`);
    const offset = reader.uint64(`the offset of ${show(name)}`);
    const type = tensorTypes[number];
    if (!type) {
      const known = otherTypes[number] ? `${otherTypes[number]} (${number})` : `number ${number}`;
      throw new FormatError(
        `Tensor ${show(name)} has the type ${known}; read here are ${Object.values(tensorTypes).join(', ')}. Take another file of the model.`,
      );
    }
    const elements = elementCount(shape, name);
    const row = shape.at(-1) ?? 1;
    const block = isBlockType(type) ? blockLayouts[type].elements : 1;
    if (row % block !== 0) {
      throw new FormatError(`Tensor ${show(name)} has rows of ${row} elements, but ${type} keeps ${block} a block.`);
    }
    places.push({ name, type, shape, count: elements, offset, bytes: byteLengthOf(type, elements) });
  }
  return places;
}

/** Absolute places, checked: aligned, inside the file, without overlap. */
function placeTensors(places: TensorPlace[], dataStart: number, alignment: number, fileBytes: number): GgufTensor[] {
  const room = Math.max(0, fileBytes - dataStart);
  const tensors = places.map(({ offset, bytes, ...tensor }) => {
    if (offset + BigInt(bytes) > BigInt(room)) {
      throw new FormatError(
        `Tensor ${show(tensor.name)} says its ${bytes} bytes begin at ${offset}, but the file holds ${room} bytes of data: it is cut short or lies.`,
      );
    }
    if (offset % BigInt(alignment) !== 0n) {
      throw new FormatError(
        `Tensor ${show(tensor.name)} begins at ${offset}, which is no multiple of the alignment ${alignment}.`,
      );
    }
    const start = dataStart + Number(offset);
    return { ...tensor, start, end: start + bytes };
  });
  const ordered = [...tensors].sort((a, b) => a.start - b.start || a.end - b.end);
  for (let i = 1; i < ordered.length; i++) {
    if (ordered[i]!.start < ordered[i - 1]!.end) {
      throw new FormatError(
        `The bytes of tensor ${show(ordered[i]!.name)} overlap those of ${show(ordered[i - 1]!.name)}.`,
      );
    }
  }
  return tensors;
}

/** Fixed-width value types of the metadata: how wide, how one is read, how many are kept. */
const numberTypes: Record<number, { bytes: number; array: new (buffer: ArrayBuffer) => GgufNumbers }> = {
  0: { bytes: 1, array: Uint8Array },
  1: { bytes: 1, array: Int8Array },
  2: { bytes: 2, array: Uint16Array },
  3: { bytes: 2, array: Int16Array },
  4: { bytes: 4, array: Uint32Array },
  5: { bytes: 4, array: Int32Array },
  6: { bytes: 4, array: Float32Array },
  10: { bytes: 8, array: BigUint64Array },
  11: { bytes: 8, array: BigInt64Array },
  12: { bytes: 8, array: Float64Array },
};
const boolType = 7;
const stringType = 8;
const arrayType = 9;

class Reader {
  offset = 0;
  private readonly bytes: Uint8Array;
  private readonly view: DataView;
  private readonly fileBytes: number;
  private readonly decoder = new TextDecoder('utf-8', { ignoreBOM: true });

  constructor(bytes: Uint8Array, fileBytes: number) {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.fileBytes = fileBytes;
  }

  /** Moves over `length` bytes and returns where they begin. */
  take(length: number, what: string): number {
    const start = this.offset;
    if (start + length > this.fileBytes) {
      throw new FormatError(
        `The GGUF header needs ${length} bytes for ${what} at ${start}, but the file ends at ${this.fileBytes}: it is cut short or lies.`,
      );
    }
    if (start + length > this.bytes.byteLength) throw new HeaderGoesOn();
    this.offset = start + length;
    return start;
  }

  uint32(what: string): number {
    return this.view.getUint32(this.take(4, what), true);
  }

  uint64(what: string): bigint {
    return this.view.getBigUint64(this.take(8, what), true);
  }

  /** A declared count, refused when the rest of the file cannot hold that many things of `smallest` bytes. */
  count(what: string, smallest: number): number {
    const declared = this.uint64(`the number of ${what}`);
    const most = Math.floor((this.fileBytes - this.offset) / smallest);
    if (declared > BigInt(most)) {
      throw new FormatError(
        `The GGUF header declares ${declared} ${what}, but the rest of the file has room for at most ${most}.`,
      );
    }
    return Number(declared);
  }

  text(start: number, length: number): string {
    return this.decoder.decode(this.bytes.subarray(start, start + length));
  }

  string(what: string): string {
    const length = this.count(`bytes of ${what}`, 1);
    return this.text(this.take(length, what), length);
  }

  value(type: number, key: string, depth: number): GgufValue {
    if (type === stringType) return this.string(`the value of ${show(key)}`);
    if (type === boolType) return this.view.getUint8(this.take(1, show(key))) !== 0;
    if (type === arrayType) return this.array(key, depth);
    const numbers = this.numbers(type, 1, key);
    return numbers[0]!;
  }

  private numbers(type: number, length: number, key: string): GgufNumbers {
    const kind = numberTypes[type];
    if (!kind) throw new FormatError(`The GGUF metadata ${show(key)} has the unknown type ${type}.`);
    const start = this.take(length * kind.bytes, show(key));
    // A Buffer's own slice would be a view of a larger one.
    return new kind.array(new Uint8Array(this.bytes.subarray(start, this.offset)).buffer);
  }

  private array(key: string, depth: number): GgufArray {
    if (depth > 3) throw new FormatError(`The GGUF metadata ${show(key)} nests arrays more than 4 deep.`);
    const type = this.uint32(`the element type of ${show(key)}`);
    const smallest = type === stringType ? 8 : type === arrayType ? 12 : (numberTypes[type]?.bytes ?? 1);
    const length = this.count(`elements of ${show(key)}`, smallest);
    if (type !== stringType && type !== boolType && type !== arrayType) return this.numbers(type, length, key);
    const values: unknown[] = [];
    for (let i = 0; i < length; i++)
      values.push(type === arrayType ? this.array(key, depth + 1) : this.value(type, key, depth));
    return values as unknown as GgufArray;
  }
}
