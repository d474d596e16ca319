/** The reader's own input: inline text, a file by its path or as an upload, or a text of the house. */
import { existsSync, statSync } from 'node:fs';
import { basename, isAbsolute } from 'node:path';
import { houseText } from '@working-papers/models/references';
import { uploadedInput } from '../uploads/store.ts';

/** Where an input's bytes are: in the text itself, or in a file, which may be packed. */
export type Source = { text: string } | { path: string; name: string; gzip?: true };

/**
 * @param input text with a newline or that names no file is the input itself; `upload:<id>` an upload; `house:<name>` a text of the house;
 *   a path a file
 * @param uploads the folder that uploads are kept in
 */
export function sourceOf(input: string, uploads: string): Source {
  const upload = /^upload:(.+)$/.exec(input)?.[1];
  if (upload !== undefined) return uploadedInput(uploads, upload);
  if (input.includes('\n') || input.length > 4_096) return { text: input };
  const house = houseText(input);
  if (house !== undefined) return { path: house, name: `${input}.jsonl`, gzip: true };
  const named = isAbsolute(input) || /^\.{1,2}[\\/]/.test(input) || /\.(txt|jsonl|csv|json|tsv|bin)$/i.test(input);
  if (existsSync(input) && (named || input.includes('/'))) {
    if (!statSync(input).isFile()) throw new Error(`"${input}" is a folder; name a .txt, .jsonl or .csv file.`);
    return { path: input, name: basename(input) };
  }
  if (named) throw new Error(`There is no file "${input}". Give a path that exists, or text of several lines.`);
  return { text: input };
}
