import { byteLengthOf, elementCount, isPlainType, show, showValue } from './element-types.ts';
import { FormatError } from './format-error.ts';
import { parseJson } from './json-text.ts';
import type { PlainType, WeightTensor } from './types.ts';

/** One tensor of a safetensors file; its bytes are `[start, end)` of the file. */
export interface SafetensorsEntry {
  name: string;
  type: PlainType;
  shape: number[];
  count: number;
  start: number;
  end: number;
}

export interface SafetensorsHeader {
  entries: SafetensorsEntry[];
  metadata: Record<string, string>;
}

/** Longest header that is read, as in the reference implementation (100 MB). */
const longestHeader = 100_000_000;

/**
 * Length of the JSON header from the file's first 8 bytes, checked against the file's size before anything is
 * allocated. Format: https://github.com/huggingface/safetensors (README, "Format").
 */
export function safetensorsHeaderLength(first: Uint8Array, fileBytes: number): number {
  if (fileBytes < 8 || first.byteLength < 8) {
    throw new FormatError(`A safetensors file begins with 8 bytes of length; this one has ${fileBytes} bytes.`);
  }
  const length = new DataView(first.buffer, first.byteOffset, 8).getBigUint64(0, true);
  if (length > BigInt(fileBytes - 8)) {
    throw new FormatError(
      `The safetensors header says it is ${length} bytes long, but only ${fileBytes - 8} bytes follow: the file is cut short or no safetensors file.`,
    );
  }
  if (length > BigInt(longestHeader)) {
    throw new FormatError(`The safetensors header is ${length} bytes long; the limit is ${longestHeader}.`);
  }
  return Number(length);
}

/**
 * The entries of a header, in the order of their bytes. Refused, as the reference implementation does: types and
 * shapes that do not match their bytes, data that overlaps, leaves a hole, ends before the file or goes beyond it,
 * and names that occur twice.
 */
export function parseSafetensorsHeader(header: Uint8Array, fileBytes: number): SafetensorsHeader {
  const { value: parsed, shape } = parseJson(decodeUtf8(header), 'The safetensors header');
  if (!isRecord(parsed)) throw new FormatError('The safetensors header is not a JSON object.');
  const names = Object.keys(parsed);
  // JSON.parse keeps only the last of repeated keys.
  const written = shape.outermostKeys;
  if (written !== names.length) {
    throw new FormatError(
      `The safetensors header names ${written} tensors but only ${names.length} differ: a name occurs twice.`,
    );
  }
  const dataStart = 8 + header.byteLength;
  const entries: SafetensorsEntry[] = [];
  for (const name of names) {
    if (name !== '__metadata__') entries.push(readEntry(name, parsed[name], dataStart, fileBytes));
  }
  checkCoverage(entries, dataStart, fileBytes);
  return { entries, metadata: readMetadata(parsed.__metadata__) };
}

function decodeUtf8(header: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(header);
  } catch {
    throw new FormatError('The safetensors header is not UTF-8 text.');
  }
}

function readEntry(name: string, value: unknown, dataStart: number, fileBytes: number): SafetensorsEntry {
  if (!isRecord(value)) throw new FormatError(`Tensor ${show(name)} is not described by an object.`);
  const { dtype, shape, data_offsets: offsets } = value;
  if (typeof dtype !== 'string' || !isPlainType(dtype)) {
    throw new FormatError(`Tensor ${show(name)} has the type ${show(String(dtype))}, which is not read here.`);
  }
  if (!Array.isArray(shape) || shape.length > 32 || !shape.every((dimension) => typeof dimension === 'number')) {
    throw new FormatError(`Tensor ${show(name)} has no shape of at most 32 numbers.`);
  }
  if (!Array.isArray(offsets) || offsets.length !== 2)
    throw new FormatError(`Tensor ${show(name)} has no pair of offsets.`);
  const [begin, end] = offsets as unknown[];
  const room = fileBytes - dataStart;
  if (!isOffset(begin) || !isOffset(end) || begin > end || end > room) {
    throw new FormatError(
      `Tensor ${show(name)} says its bytes are ${showValue(begin)} to ${showValue(end)}, but the file holds ${room} bytes of data.`,
    );
  }
  const count = elementCount(shape as number[], name);
  const expected = byteLengthOf(dtype, count);
  if (end - begin !== expected) {
    throw new FormatError(
      `Tensor ${show(name)} of type ${dtype} and shape [${shape.join(', ')}] takes ${expected} bytes, but its offsets span ${end - begin}.`,
    );
  }
  return { name, type: dtype, shape: [...(shape as number[])], count, start: dataStart + begin, end: dataStart + end };
}

/** Sorts by place and demands that the data lie end to end and fill the file. */
function checkCoverage(entries: SafetensorsEntry[], dataStart: number, fileBytes: number): void {
  entries.sort((a, b) => a.start - b.start || a.end - b.end);
  let place = dataStart;
  for (const entry of entries) {
    if (entry.start < place)
      throw new FormatError(`The bytes of tensor ${show(entry.name)} overlap those of the tensor before it.`);
    if (entry.start > place) {
      throw new FormatError(
        `Before tensor ${show(entry.name)} lie ${entry.start - place} bytes that belong to no tensor.`,
      );
    }
    place = entry.end;
  }
  if (place !== fileBytes)
    throw new FormatError(`After the last tensor lie ${fileBytes - place} bytes that belong to no tensor.`);
}

function readMetadata(value: unknown): Record<string, string> {
  if (value === undefined) return {};
  if (!isRecord(value)) throw new FormatError('The safetensors header has a __metadata__ that is not an object.');
  const metadata: Record<string, string> = Object.create(null);
  for (const [key, text] of Object.entries(value)) {
    if (typeof text !== 'string') throw new FormatError(`The safetensors metadata ${show(key)} is not text.`);
    metadata[key] = text;
  }
  return metadata;
}

/**
 * File of each tensor from `model.safetensors.index.json` or `pytorch_model.bin.index.json`; file names are plain names in the same folder.
 * Throws when the index has no map or names a file elsewhere.
 */
export function parseShardIndex(index: unknown): Map<string, string> {
  const map = isRecord(index) ? index.weight_map : undefined;
  if (!isRecord(map)) throw new FormatError('The index of shards has no weight_map.');
  const files = new Map<string, string>();
  for (const [name, file] of Object.entries(map)) {
    if (typeof file !== 'string' || !/^[\w.-]+\.(safetensors|bin)$/.test(file)) {
      throw new FormatError(
        `The index of shards puts tensor ${show(name)} into ${show(String(file))}, which is no file name beside it.`,
      );
    }
    files.set(name, file);
  }
  return files;
}

function isOffset(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A tensor to be written: its bytes, little-endian, are asked for when its turn comes, whole or in pieces. */
export type SafetensorsTensor = Pick<WeightTensor, 'name' | 'shape'> & { readonly type: PlainType } & (
    | Pick<WeightTensor, 'bytes'>
    | { pieces(): AsyncIterable<Uint8Array> }
  );

/**
 * The beginning of a safetensors file, length and header, for tensors whose bytes follow end to end in this order. The header is
 * padded so that the bytes begin at a multiple of 8. Throws a sentence for a name that occurs twice and a header over 100 MB.
 */
export function safetensorsHeader(
  tensors: readonly { name: string; shape: readonly number[]; type: PlainType }[],
  metadata: Record<string, string> = {},
): Uint8Array {
  const header: Record<string, unknown> = Object.create(null);
  if (Object.keys(metadata).length > 0) header.__metadata__ = metadata;
  let end = 0;
  for (const { name, type, shape } of tensors) {
    if (name === '__metadata__')
      throw new FormatError('No tensor can be named __metadata__; the format uses that name.');
    if (name in header) throw new FormatError(`Two tensors are named ${show(name)}; names are used once.`);
    const begin = end;
    end += byteLengthOf(type, elementCount(shape, name));
    header[name] = { dtype: type, shape, data_offsets: [begin, end] };
  }
  const json = new TextEncoder().encode(JSON.stringify(header));
  const length = Math.ceil(json.byteLength / 8) * 8;
  if (length > longestHeader) {
    throw new FormatError(
      `The safetensors header is ${length} bytes long; the limit is ${longestHeader}. Write fewer tensors.`,
    );
  }
  const bytes = new Uint8Array(8 + length).fill(' '.charCodeAt(0));
  new DataView(bytes.buffer).setBigUint64(0, BigInt(length), true);
  bytes.set(json, 8);
  return bytes;
}

/** The pieces of a safetensors file, in order: the header, then each tensor's bytes, one piece in memory at a time. */
export async function* safetensorsFile(
  tensors: readonly SafetensorsTensor[],
  metadata: Record<string, string> = {},
): AsyncGenerator<Uint8Array> {
  yield safetensorsHeader(tensors, metadata);
  for (const tensor of tensors) {
    const { name, type, shape } = tensor;
    const expected = byteLengthOf(type, elementCount(shape, name));
    let given = 0;
    for await (const piece of 'pieces' in tensor ? tensor.pieces() : [await tensor.bytes()]) {
      given += piece.byteLength;
      yield piece;
    }
    if (given !== expected) {
      throw new FormatError(
        `Tensor ${show(name)} of type ${type} and shape [${shape.join(', ')}] takes ${expected} bytes; ${given} were given.`,
      );
    }
  }
}

/** Pieces end to end, for files that are small enough to be held: those of {@link safetensorsFile}, say. */
export async function joinedPieces(pieces: AsyncIterable<Uint8Array>): Promise<Uint8Array<ArrayBuffer>> {
  const held: Uint8Array[] = [];
  for await (const piece of pieces) held.push(piece);
  const whole = new Uint8Array(held.reduce((sum, { byteLength }) => sum + byteLength, 0));
  let place = 0;
  for (const piece of held) {
    whole.set(piece, place);
    place += piece.byteLength;
  }
  return whole;
}
