import { show } from './element-types.ts';
import { FormatError } from './format-error.ts';

/** An entry of a zip archive. */
export interface ZipEntry {
  name: string;
  bytes: number;
  /** Where the entry's own header begins. */
  header: number;
  /** Whether the entry lies in the archive as it is; a compressed one is not read. */
  stored: boolean;
}

/** Reads bytes `[start, end)` of the archive. */
export type ReadBytes = (start: number, end: number) => Promise<Uint8Array>;

const viewOf = (bytes: Uint8Array) => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
const [endRecord, end64Record, end64Locator, centralRecord, localRecord] = [
  0x06054b50, 0x06064b50, 0x07064b50, 0x02014b50, 0x04034b50,
];
const largestDirectory = 100_000_000;

/**
 * The directory of a zip archive (APPNOTE 6.3.10, with the 64-bit records), every place in it checked against the archive's
 * size. Refused: archives in parts, encrypted entries, names that occur twice.
 */
export async function readZipDirectory(read: ReadBytes, size: number): Promise<Map<string, ZipEntry>> {
  const { start, bytes, count } = await findDirectory(read, size);
  const directory = await read(start, start + bytes);
  const view = viewOf(directory);
  const entries = new Map<string, ZipEntry>();
  let at = 0;
  for (let i = 0; i < count; i++) {
    if (at + 46 > bytes || view.getUint32(at, true) !== centralRecord) throw damaged(`entry ${i} of its directory`);
    const [nameBytes, extraBytes, noteBytes] = [28, 30, 32].map((field) => view.getUint16(at + field, true)) as [
      number,
      number,
      number,
    ];
    const next = at + 46 + nameBytes + extraBytes + noteBytes;
    if (next > bytes) throw damaged(`entry ${i} of its directory`);
    const name = new TextDecoder().decode(directory.subarray(at + 46, at + 46 + nameBytes));
    const wide = wideFields(view, at, at + 46 + nameBytes, extraBytes);
    if (view.getUint16(at + 8, true) & 1) throw new FormatError(`The entry ${show(name)} of the archive is encrypted.`);
    if (wide.header + 30 + wide.packed > start) throw damaged(`the place of ${show(name)}`);
    if (entries.has(name)) throw new FormatError(`The archive holds ${show(name)} twice.`);
    const stored = view.getUint16(at + 10, true) === 0 && wide.packed === wide.bytes;
    entries.set(name, { name, bytes: wide.bytes, header: wide.header, stored });
    at = next;
  }
  return entries;
}

/** Where an entry's own bytes begin, from its header; throws a sentence for a compressed entry. */
export async function entryStart(read: ReadBytes, size: number, entry: ZipEntry): Promise<number> {
  if (!entry.stored) {
    throw new FormatError(
      `The entry ${show(entry.name)} of the archive is compressed; torch.save writes entries as they are, and only those are read.`,
    );
  }
  const view = viewOf(await read(entry.header, entry.header + 30));
  if (view.getUint32(0, true) !== localRecord || view.getUint16(8, true) !== 0)
    throw damaged(`the header of ${show(entry.name)}`);
  const start = entry.header + 30 + view.getUint16(26, true) + view.getUint16(28, true);
  if (start + entry.bytes > size) throw damaged(`the place of ${show(entry.name)}`);
  return start;
}

async function findDirectory(read: ReadBytes, size: number): Promise<{ start: number; bytes: number; count: number }> {
  const from = Math.max(0, size - 22 - 65_535);
  const tail = await read(from, size);
  const view = viewOf(tail);
  for (let at = tail.byteLength - 22; at >= 0; at--) {
    if (view.getUint32(at, true) !== endRecord || at + 22 + view.getUint16(at + 20, true) !== tail.byteLength) continue;
    if (view.getUint16(at + 4, true) !== view.getUint16(at + 6, true))
      throw new FormatError('The archive is one of several parts.');
    let found = {
      count: view.getUint16(at + 10, true),
      bytes: view.getUint32(at + 12, true),
      start: view.getUint32(at + 16, true),
    };
    if (at >= 20 && view.getUint32(at - 20, true) === end64Locator) {
      found = await readEnd64(read, Number(view.getBigUint64(at - 12, true)), from + at - 20);
    }
    if (found.start + found.bytes > from + at) throw damaged('the place of its directory');
    if (found.count * 46 > found.bytes) throw damaged('the number of its entries');
    if (found.bytes > largestDirectory)
      throw new FormatError(`The archive's directory has ${found.bytes} bytes; the limit is ${largestDirectory}.`);
    return found;
  }
  throw new FormatError('The file begins as a zip archive but has no directory at its end: it is cut short.');
}

async function readEnd64(read: ReadBytes, place: number, before: number) {
  if (place + 56 > before) throw damaged('its 64-bit end record');
  const view = viewOf(await read(place, place + 56));
  if (view.getUint32(0, true) !== end64Record) throw damaged('its 64-bit end record');
  const [count, bytes, start] = [32, 40, 48].map((field) => Number(view.getBigUint64(field, true))) as [
    number,
    number,
    number,
  ];
  return { count, bytes, start };
}

/** Sizes and place of an entry, from the 64-bit extra field where the 32-bit ones are all ones. */
function wideFields(view: DataView, at: number, extra: number, extraBytes: number) {
  const fields = {
    bytes: view.getUint32(at + 24, true),
    packed: view.getUint32(at + 20, true),
    header: view.getUint32(at + 42, true),
  };
  for (let place = extra; place + 4 <= extra + extraBytes; ) {
    const length = view.getUint16(place + 2, true);
    const end = place + 4 + length;
    if (end > extra + extraBytes) break;
    if (view.getUint16(place, true) === 1) {
      let next = place + 4;
      for (const field of ['bytes', 'packed', 'header'] as const) {
        if (fields[field] !== 0xffffffff || next + 8 > end) continue;
        fields[field] = Number(view.getBigUint64(next, true));
        next += 8;
      }
    }
    place = end;
  }
  return fields;
}

const damaged = (what: string) => new FormatError(`The archive is damaged or lies: ${what} is not inside of it.`);
