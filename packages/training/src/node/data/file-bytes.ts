import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { pipeline } from 'node:stream';
import { createGunzip } from 'node:zlib';

/**
 * The bytes of a file in pieces of 64 KiB, from `start` on; of a gzip file what it holds, `start` counted there. Throws a sentence
 * when the file ends before, or is no whole gzip file.
 */
export async function* fileBytes(
  path: string,
  name: string,
  { gzip, start = 0 }: { gzip: boolean; start?: number },
): AsyncGenerator<Uint8Array, void, undefined> {
  if (gzip) yield* inflated(path, name, start);
  else {
    const { size } = await stat(path);
    if (start > size) throw endsBefore(name, start, size);
    yield* createReadStream(path, { start }) as AsyncIterable<Uint8Array>;
  }
}

async function* inflated(path: string, name: string, start: number): AsyncGenerator<Uint8Array, void, undefined> {
  let skip = start;
  const gunzip = createGunzip();
  pipeline(createReadStream(path), gunzip, () => {});
  try {
    for await (const piece of gunzip as AsyncIterable<Uint8Array>) {
      if (skip < piece.length) yield piece.subarray(skip);
      skip = Math.max(0, skip - piece.length);
    }
  } catch (error) {
    const { code = '', message } = error as NodeJS.ErrnoException;
    if (!code.startsWith('Z_')) throw error;
    throw new Error(`${name} is not a whole gzip file (${message}). Fetch or write it again.`, { cause: error });
  }
  if (skip > 0) throw endsBefore(name, start, start - skip);
}

const endsBefore = (name: string, start: number, size: number) =>
  new Error(
    `${name} has ${size} bytes, and the position is at byte ${start}. Go on with the file that it was taken from.`,
  );
