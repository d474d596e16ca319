/** The reader's own input: inline text, or a file by its path or as an upload. */
import { createHash } from 'node:crypto';
import { createReadStream, existsSync, statSync } from 'node:fs';
import { basename, isAbsolute } from 'node:path';
import { uploadedInput } from '../uploads/store.ts';

/** Where an input's bytes are: in the text itself, or in a file. */
export type Source = { text: string } | { path: string; name: string };

/**
 * @param input text with a newline or that names no file is the input itself; `upload:<id>` an upload; a path a file
 * @param uploads the folder that uploads are kept in
 */
export function sourceOf(input: string, uploads: string): Source {
  const upload = /^upload:(.+)$/.exec(input)?.[1];
  if (upload !== undefined) return uploadedInput(uploads, upload);
  if (input.includes('\n') || input.length > 4_096) return { text: input };
  const named = isAbsolute(input) || /^\.{1,2}[\\/]/.test(input) || /\.(txt|jsonl|csv|json|tsv)$/i.test(input);
  if (existsSync(input) && (named || input.includes('/'))) {
    if (!statSync(input).isFile()) throw new Error(`"${input}" is a folder; name a .txt, .jsonl or .csv file.`);
    return { path: input, name: basename(input) };
  }
  if (named) throw new Error(`There is no file "${input}". Give a path that exists, or text of several lines.`);
  return { text: input };
}

/** Bytes of an input from `start` on, in pieces. */
export async function* inputBytes(source: Source, start = 0): AsyncGenerator<Uint8Array> {
  if ('text' in source) yield new TextEncoder().encode(source.text).subarray(start);
  else yield* createReadStream(source.path, { start }) as AsyncIterable<Uint8Array>;
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
