import { createReadStream } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Unzip, UnzipInflate } from 'fflate';
import { isSafeRelativePath, ModelReferenceError } from '../parse.ts';
import type { FileWriter, OpenWriter } from './file-writer.ts';

export interface UnzipOptions {
  openWriter: OpenWriter;
  signal: AbortSignal;
  /** Where an entry goes, relative to the target folder; undefined leaves it out. */
  place(entry: string): string | undefined;
  /** Most bytes that are written in all. */
  limit: number;
  onBytes?(done: number): void;
}

/**
 * Unpacks a zip archive as a stream: a piece is read, unpacked and written before the next one is read, so that memory
 * stays small whatever the archive holds. Nothing is written outside `folder`; links and the like do not exist (every
 * entry becomes a plain file). Gives the paths written, relative to `folder`.
 */
export async function unzipInto(archive: string, folder: string, options: UnzipOptions): Promise<string[]> {
  const entries: Entry[] = [];
  const unzip = new Unzip((file) => {
    const place = file.name.endsWith('/') ? undefined : options.place(file.name);
    if (place === undefined) return;
    if (!isSafeRelativePath(place))
      throw new ModelReferenceError(
        `The archive ${archive} holds ${JSON.stringify(file.name)}, which would lie outside its folder.`,
      );
    if (entries.some((entry) => entry.path === place))
      throw new ModelReferenceError(`The archive ${archive} holds ${JSON.stringify(place)} twice.`);
    const entry: Entry = {
      path: place,
      pieces: [],
      ended: false,
      written: 0,
      ...(file.originalSize === undefined ? {} : { bytes: file.originalSize }),
    };
    entries.push(entry);
    file.ondata = (error, data, final) => {
      if (error) throw new ModelReferenceError(`The archive ${archive} is damaged at ${file.name} (${error.message}).`);
      entry.pieces.push(data);
      entry.ended = final;
    };
    file.start();
  });
  unzip.register(UnzipInflate);
  const push = (piece: Uint8Array, final: boolean) => {
    try {
      unzip.push(piece, final);
    } catch (error) {
      if (error instanceof ModelReferenceError) throw error;
      throw new ModelReferenceError(`The archive ${archive} is damaged (${(error as Error).message}).`, {
        cause: error,
      });
    }
  };
  let written = 0;
  try {
    for await (const piece of createReadStream(archive, { highWaterMark: 2 ** 18, signal: options.signal })) {
      push(piece as Uint8Array, false);
      for (const entry of entries) written = await drain(entry, folder, written, options);
    }
    push(new Uint8Array(0), true);
    for (const entry of entries) written = await drain(entry, folder, written, options);
  } finally {
    for (const entry of entries) await entry.writer?.close();
  }
  const cut = entries.find((entry) => !entry.ended || (entry.bytes !== undefined && entry.bytes !== entry.written));
  if (cut) throw new ModelReferenceError(`The archive ${archive} ends in the middle of ${cut.path}.`);
  return entries.map((entry) => entry.path);
}

interface Entry {
  path: string;
  pieces: Uint8Array[];
  ended: boolean;
  /** Bytes written, and bytes that the archive declares where it does so at the entry's beginning. */
  written: number;
  bytes?: number;
  writer?: FileWriter;
  opened?: boolean;
}

/** Writes what was unpacked of an entry, and closes it when it is whole. */
async function drain(entry: Entry, folder: string, written: number, options: UnzipOptions): Promise<number> {
  if (!entry.opened && (entry.pieces.length > 0 || entry.ended)) {
    const path = join(folder, entry.path);
    await mkdir(dirname(path), { recursive: true });
    entry.writer = await options.openWriter(path, false);
    entry.opened = true;
  }
  let total = written;
  for (const piece of entry.pieces.splice(0)) {
    total += piece.byteLength;
    entry.written += piece.byteLength;
    if (total > options.limit)
      throw new ModelReferenceError(`The archive unpacks to more than ${options.limit} bytes.`);
    await entry.writer!.write(piece);
  }
  if (total !== written) options.onBytes?.(total);
  if (entry.ended && entry.writer) {
    const { writer } = entry;
    delete entry.writer;
    await writer.close();
  }
  return total;
}
