import { byteLengthOf, elementCount, show } from './element-types.ts';
import { FormatError } from './format-error.ts';
import { tensorTypes } from './gguf.ts';
import type { WeightType } from './types.ts';

/** One value of a GGUF file's metadata, of the type that it is written with. */
export type GgufEntry =
  | { type: 'uint32' | 'int32' | 'float32'; value: number }
  | { type: 'bool'; value: boolean }
  | { type: 'string'; value: string }
  | { type: 'strings'; value: readonly string[] }
  | { type: 'numbers'; value: Float32Array | Int32Array | Uint8Array };

export type GgufEntries = ReadonlyMap<string, GgufEntry>;

/** A tensor to be written under llama.cpp's name; shape outermost dimension first. */
export interface GgufTensorToWrite {
  name: string;
  type: WeightType;
  shape: readonly number[];
  /** Its bytes, in order, asked for when its turn comes. */
  pieces(): AsyncIterable<Uint8Array>;
}

const alignment = 32;
/** Most bytes of a tensor's name that ggml takes (`GGML_MAX_NAME` with the end of the text). */
const longestName = 63;

const valueTypes = { uint8: 0, uint32: 4, int32: 5, float32: 6, bool: 7, string: 8, array: 9 } as const;
const typeNumbers = new Map(Object.entries(tensorTypes).map(([number, type]) => [type, Number(number)]));

/**
 * The pieces of a GGUF file (version 3, little-endian), in order: header, then each tensor's bytes with what aligns the next, one
 * piece in memory at a time. Throws a sentence for names that are twice there or too long, and for tensors that give other bytes than their
 * shape takes.
 */
export async function* ggufFile(
  metadata: GgufEntries,
  tensors: readonly GgufTensorToWrite[],
): AsyncGenerator<Uint8Array> {
  yield ggufHeader(metadata, tensors);
  for (const { name, type, shape, pieces } of tensors) {
    const expected = byteLengthOf(type, elementCount(shape, name));
    let given = 0;
    for await (const piece of pieces()) {
      given += piece.byteLength;
      yield piece;
    }
    if (given !== expected)
      throw new FormatError(`Tensor ${show(name)} of type ${type} takes ${expected} bytes; ${given} were given.`);
    yield new Uint8Array(aligned(expected) - expected);
  }
}

const aligned = (length: number): number => Math.ceil(length / alignment) * alignment;

/** Everything before the tensors' bytes. */
export function ggufHeader(metadata: GgufEntries, tensors: readonly Omit<GgufTensorToWrite, 'pieces'>[]): Uint8Array {
  const writer = new HeaderWriter();
  writer.bytes(new TextEncoder().encode('GGUF'));
  writer.uint32(3);
  writer.uint64(tensors.length);
  writer.uint64(metadata.size);
  for (const [key, entry] of metadata) {
    writer.text(key);
    writer.entry(entry);
  }
  const seen = new Set<string>();
  let offset = 0;
  for (const { name, type, shape } of tensors) {
    if (seen.has(name)) throw new FormatError(`Two tensors are named ${show(name)}; names are used once.`);
    seen.add(name);
    if (new TextEncoder().encode(name).length > longestName)
      throw new FormatError(`The tensor name ${show(name)} is longer than the ${longestName} bytes that ggml takes.`);
    if (shape.length > 4)
      throw new FormatError(`Tensor ${show(name)} has ${shape.length} dimensions; GGUF has at most 4.`);
    const number = typeNumbers.get(type);
    if (number === undefined) throw new FormatError(`Tensor ${show(name)} has the type ${type}, which GGUF has not.`);
    writer.text(name);
    writer.uint32(shape.length);
    for (const size of [...shape].reverse()) writer.uint64(size);
    writer.uint32(number);
    writer.uint64(offset);
    offset += aligned(byteLengthOf(type, elementCount(shape, name)));
  }
  return writer.finish();
}

/** Little-endian values one after the other. */
class HeaderWriter {
  private parts: Uint8Array[] = [];
  private readonly encoder = new TextEncoder();

  bytes(bytes: Uint8Array): void {
    this.parts.push(bytes);
  }

  uint32(value: number): void {
    this.bytes(new Uint8Array(Uint32Array.of(value).buffer));
  }

  uint64(value: number): void {
    this.bytes(new Uint8Array(BigUint64Array.of(BigInt(value)).buffer));
  }

  text(text: string): void {
    const bytes = this.encoder.encode(text);
    this.uint64(bytes.length);
    this.bytes(bytes);
  }

  entry(entry: GgufEntry): void {
    switch (entry.type) {
      case 'strings':
        this.array('string', entry.value.length);
        for (const text of entry.value) this.text(text);
        return;
      case 'numbers': {
        const { value } = entry;
        const kind = value instanceof Float32Array ? 'float32' : value instanceof Int32Array ? 'int32' : 'uint8';
        this.array(kind, value.length);
        this.bytes(new Uint8Array(value.buffer, value.byteOffset, value.byteLength));
        return;
      }
      case 'string':
        this.uint32(valueTypes.string);
        this.text(entry.value);
        return;
      case 'bool':
        this.uint32(valueTypes.bool);
        this.bytes(Uint8Array.of(entry.value ? 1 : 0));
        return;
      case 'float32':
        this.uint32(valueTypes.float32);
        this.bytes(new Uint8Array(Float32Array.of(entry.value).buffer));
        return;
      default:
        this.uint32(valueTypes[entry.type]);
        this.uint32(entry.value);
    }
  }

  private array(kind: keyof typeof valueTypes, length: number): void {
    this.uint32(valueTypes.array);
    this.uint32(valueTypes[kind]);
    this.uint64(length);
  }

  /** All of it, filled up to the alignment of the tensors' bytes. */
  finish(): Uint8Array {
    const length = this.parts.reduce((sum, part) => sum + part.byteLength, 0);
    const whole = new Uint8Array(aligned(length));
    let at = 0;
    for (const part of this.parts) {
      whole.set(part, at);
      at += part.byteLength;
    }
    return whole;
  }
}
