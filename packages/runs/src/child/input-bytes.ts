/** The bytes of a reader's input. */
import { createHash } from 'node:crypto';
import { fileBytes } from '@working-papers/training/node';
import type { Source } from './inputs.ts';

/** Bytes of an input from `start` on, in pieces. */
export async function* inputBytes(source: Source, start = 0): AsyncGenerator<Uint8Array> {
  if ('text' in source) yield new TextEncoder().encode(source.text).subarray(start);
  else yield* fileBytes(source.path, source.name, { gzip: source.gzip ?? false, start });
}

export async function hashInput(source: Source): Promise<{ sha256: string; bytes: number }> {
  const hash = createHash('sha256');
  let bytes = 0;
  for await (const piece of inputBytes(source)) {
    hash.update(piece);
    bytes += piece.byteLength;
  }
  return { sha256: hash.digest('hex'), bytes };
}
