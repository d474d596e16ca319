/**
 * What the pages of a Parquet column claim, held against what they are before they are decoded: the decoder allocates what a header
 * says and repeats a value as often as a run says.
 */
import { brotliDecompressSync, gunzipSync } from 'node:zlib';
import type { ColumnMetaData, Compressors, PageHeader, SchemaTree } from 'hyparquet';
import { parquetHeader } from 'hyparquet/src/column.js';
import { getMaxDefinitionLevel, getMaxRepetitionLevel } from 'hyparquet/src/schema.js';
import { compressors, decompressZstd } from 'hyparquet-compressors';

/** Most values of one column in one row group. */
const mostValues = 2 ** 26;
/** A run may pass the end of its page by this many values; writers fill whole groups. */
const spareValues = 2 ** 16;

/** Decompressors that give a page of the size that its header says, and no byte more. */
const decompressors: Compressors = {
  ...compressors,
  GZIP: (input, length) => gunzipSync(input, { maxOutputLength: Math.max(1, length) }),
  BROTLI: (input, length) => brotliDecompressSync(input, { maxOutputLength: Math.max(1, length) }),
  ZSTD: (input, length) => decompressZstd(input, new Uint8Array(length)),
};

/**
 * Checks all pages of a column chunk and answers how many bytes they have, and decompressors which give the pages that were
 * decompressed on the way. Throws an error that says what is wrong.
 * @param chunk the bytes of the chunk
 */
export function checkPages(
  chunk: ArrayBuffer,
  { codec, num_values, total_uncompressed_size }: ColumnMetaData,
  schemaPath: SchemaTree[],
): { length: number; compressors: Compressors } {
  const values = Number(num_values);
  if (values > mostValues)
    throw new Error(`a column has ${values} values in one row group; at most ${mostValues} are read at once`);
  const levels = { definition: getMaxDefinitionLevel(schemaPath), repetition: getMaxRepetitionLevel(schemaPath) };
  const reader = { view: new DataView(chunk), offset: 0 };
  const pages = new Map<number, Uint8Array>();
  let [seen, bytes] = [0, 0];
  while (reader.offset < chunk.byteLength - 1 && seen < values) {
    const header = parquetHeader(reader);
    const { compressed_page_size: size, uncompressed_page_size: whole } = header;
    if (!isCount(size) || !isCount(whole) || reader.offset + size > chunk.byteLength)
      throw new Error('a page ends outside of its column');
    bytes += whole;
    if (bytes > Number(total_uncompressed_size)) throw new Error('the pages of a column are larger than the column');
    const packed = new Uint8Array(chunk, reader.offset, size);
    reader.offset += size;
    seen += checkPage(packed, header, levels, (data, length) => {
      if (codec === 'UNCOMPRESSED') return data;
      const decompress = decompressors[codec];
      if (!decompress) throw new Error(`pages are compressed with ${codec}, which cannot be read`);
      const page = decompress(data, length);
      pages.set(data.byteOffset, page);
      return page;
    });
    if (seen > values) throw new Error('the pages of a column have more values than the column');
  }
  const known = (input: Uint8Array) => {
    const page = pages.get(input.byteOffset);
    if (!page) throw new Error('a page was decompressed that is not among those of its column');
    return page;
  };
  return {
    length: reader.offset,
    compressors: Object.fromEntries(Object.keys(decompressors).map((name) => [name, known])),
  };
}

const isCount = (value: unknown): value is number => Number.isInteger(value) && (value as number) >= 0;

/** Checks a page and answers how many values it adds to the column. */
function checkPage(
  packed: Uint8Array,
  header: PageHeader,
  levels: { definition: number; repetition: number },
  unpack: (data: Uint8Array, length: number) => Uint8Array,
): number {
  const { type, uncompressed_page_size: whole } = header;
  if (type === 'DICTIONARY_PAGE') {
    const count = header.dictionary_page_header?.num_values;
    if (!isCount(count) || count > 8 * whole) throw new Error('a dictionary has more values than bits');
    unpack(packed, whole);
    return 0;
  }
  if (type === 'DATA_PAGE') {
    const { num_values: count, encoding } = header.data_page_header ?? {};
    if (!isCount(count) || count > mostValues) throw new Error('a page does not say how many values it has');
    const page = unpack(packed, whole);
    let at = 0;
    for (const level of [levels.repetition, levels.definition])
      if (level > 0) {
        const length = wordAt(page, at);
        checkRuns(page, at + 4, level, count);
        at += 4 + length;
      }
    checkIndices(page, at, encoding, count);
    return count;
  }
  if (type === 'DATA_PAGE_V2') {
    const v2 = header.data_page_header_v2;
    const {
      num_values: count,
      num_rows: rows,
      repetition_levels_byte_length: first,
      definition_levels_byte_length: second,
    } = v2 ?? {};
    if (!isCount(count) || count > mostValues || !isCount(rows) || rows > count || !isCount(first) || !isCount(second))
      throw new Error('a page does not say how many values it has');
    if (first + second > Math.min(packed.length, whole))
      throw new Error('the levels of a page are larger than the page');
    if (levels.repetition > 0) checkRuns(packed, 0, levels.repetition, count);
    if (levels.definition > 0) checkRuns(packed, first, levels.definition, count);
    const data = packed.subarray(first + second);
    const left = whole - first - second;
    const page = v2?.is_compressed === false || left === 0 ? data : unpack(data, left);
    checkIndices(page, 0, v2?.encoding, count);
    return count;
  }
  return 0;
}

/** Runs of indices into a dictionary, or of truth values. */
function checkIndices(page: Uint8Array, at: number, encoding: string | undefined, count: number): void {
  if (encoding === 'RLE') checkRuns(page, at + 4, 1, count);
  else if (encoding?.endsWith('_DICTIONARY')) {
    const width = page[at] ?? 0;
    if (width > 32) throw new Error('the indices of a page have more than 32 bits');
    if (width > 0) checkWidth(page, at + 1, width, count);
  }
}

const checkRuns = (page: Uint8Array, start: number, most: number, count: number) =>
  checkWidth(page, start, Math.ceil(Math.log2(most + 1)), count);

/** Follows the runs (Parquet's RLE and bit-packing hybrid) until there are `count` values or the page ends. */
function checkWidth(page: Uint8Array, start: number, width: number, count: number): void {
  let [at, seen] = [start, 0];
  while (seen < count && at < page.length) {
    let [header, shift, byte] = [0, 0, 0x80];
    while (byte & 0x80) {
      if (at >= page.length || shift > 28) throw new Error('a run of a page has no length');
      byte = page[at++]!;
      header |= (byte & 0x7f) << shift;
      shift += 7;
    }
    const length = header >>> 1;
    if (header & 1) {
      seen += 8 * length;
      at += width * length;
    } else {
      seen += length;
      at += Math.ceil(width / 8);
      if (seen > count + spareValues) throw new Error('a run of a page is longer than the page');
    }
  }
}

function wordAt(page: Uint8Array, at: number): number {
  if (at + 4 > page.length) throw new Error('a page ends within its levels');
  return new DataView(page.buffer, page.byteOffset + at, 4).getUint32(0, true);
}
