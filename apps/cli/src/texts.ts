/** Texts that a command works on one by one. */
import type { EncoderModel, TextOrPair } from '@working-papers/models';
import { textOf } from './arguments.ts';
import { UsageError } from './problems.ts';
import type { Terminal } from './terminal.ts';

/** Texts from the command line, then those of a file, one a line; `purpose` is "embed" in "There is no text to embed." */
export async function textsOf(
  texts: readonly string[],
  file: string | undefined,
  { purpose, give }: { purpose: string; give: string },
): Promise<string[]> {
  const lines =
    file === undefined ? [] : (await textOf(file, '--file')).split(/\r?\n/).filter((line) => line.trim() !== '');
  const all = [...texts, ...lines];
  if (all.length > 0) return all;
  if (file !== undefined) throw new UsageError(`The file "${file}" has no lines of text. Give one text a line.`);
  throw new UsageError(`There is no text to ${purpose}. Give ${give}, or --file FILE.`);
}

/** Says which texts are longer than the model's window. */
export function noteCut(terminal: Terminal, model: EncoderModel, texts: readonly TextOrPair[]): void {
  for (const [index, { truncated }] of model.tokenize(texts).entries())
    if (truncated) terminal.note(`Text ${index + 1} is longer than ${model.contextLength} tokens and was cut.`);
}
