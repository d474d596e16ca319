import type { Command } from 'commander';
import { addCommand, jsonOption, modelReference, textOf, wholeNumber } from '../arguments.ts';
import { withEncoder } from '../open-model.ts';
import { UsageError } from '../problems.ts';
import { defaultEncoder } from '../settings.ts';
import { clean, number } from '../table.ts';
import type { Terminal } from '../terminal.ts';

interface Options {
  model: string;
  file?: string;
  normalise: boolean;
  threads?: number;
  json?: boolean;
}

export function addEmbed(program: Command, terminal: Terminal): void {
  addCommand(program, 'embed', 'Turn texts into vectors of their meaning.', [
    'papers embed "a cat on a mat" "a kitten on a rug" --json',
    'papers embed --file sentences.txt --json > vectors.json',
  ])
    .argument('[text...]', 'texts, one vector each')
    .option('--model <reference>', 'hf:owner/name, wheel:NAME or a folder', modelReference, defaultEncoder)
    .option('--file <file>', 'texts from a file, one a line; "-" for standard input')
    .option('--no-normalise', 'leave the vectors at their own length')
    .option('--threads <n>', 'threads (default: all cores)', wholeNumber(1, 1024))
    .addOption(jsonOption())
    .action(async (texts: string[], options: Options) => {
      const all = await textsOf(texts, options.file);
      await withEncoder(terminal, options.model, { threads: options.threads }, async (model) => {
        for (const [index, { truncated }] of model.tokenize(all).entries()) {
          if (truncated) terminal.note(`Text ${index + 1} is longer than ${model.contextLength} tokens and was cut.`);
        }
        const embeddings = await model.embed(all, {
          normalise: options.normalise,
          signal: terminal.signal,
          onProgress: ({ done, total }) => terminal.progress({ done, total, message: 'Embedding' }),
        });
        terminal.endProgress();
        if (options.json) {
          const rows = embeddings.map((embedding) => Array.from(embedding));
          terminal.json({ embeddings: rows, dimensions: model.dimensions, model: model.reference });
          return;
        }
        for (const [index, embedding] of embeddings.entries()) {
          const first = Array.from(embedding.subarray(0, 6), number).join(' ');
          terminal.print(
            `${clean(all[index] ?? '').slice(0, 60)}: ${first} … (${model.dimensions} numbers; --json prints all)`,
          );
        }
      });
    });
}

async function textsOf(texts: readonly string[], file: string | undefined): Promise<string[]> {
  const lines =
    file === undefined ? [] : (await textOf(file, '--file')).split(/\r?\n/).filter((line) => line.trim() !== '');
  const all = [...texts, ...lines];
  if (all.length > 0) return all;
  if (file !== undefined) throw new UsageError(`The file "${file}" has no lines of text. Give one text a line.`);
  throw new UsageError('There is no text to embed. Give texts, or --file FILE. See "papers embed --help".');
}
