import type { Command } from 'commander';
import { addCommand, jsonOption, modelReference, wholeNumber } from '../arguments.ts';
import { withEncoder } from '../open-model.ts';
import { defaultEncoder } from '../settings.ts';
import { clean, number } from '../table.ts';
import type { Terminal } from '../terminal.ts';
import { noteCut, textsOf } from '../texts.ts';

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
      const all = await textsOf(texts, options.file, { purpose: 'embed', give: 'texts' });
      await withEncoder(terminal, options.model, { threads: options.threads }, async (model) => {
        noteCut(terminal, model, all);
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
