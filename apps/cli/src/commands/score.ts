import type { Weights } from '@working-papers/models';
import type { Command } from 'commander';
import { addCommand, jsonOption, modelReference, repeated, weightsOption, wholeNumber } from '../arguments.ts';
import { withSpeaker } from '../open-model.ts';
import { CommandError, UsageError } from '../problems.ts';
import { addPromptOptions, type PromptOptions, promptIds, promptOf } from '../prompts.ts';
import { defaultDecoder } from '../settings.ts';
import { tableLines } from '../table.ts';
import type { Terminal } from '../terminal.ts';
import { tokenTable } from '../token-tables.ts';

interface Options extends PromptOptions {
  model: string;
  continuation?: string[];
  continuationTokens?: string;
  weights: Weights;
  threads?: number;
  json?: boolean;
}

export function addScore(program: Command, terminal: Terminal): void {
  const command = addCommand(
    program,
    'score',
    'How probable given continuations of a prompt are, most probable first.',
    [
      'papers score --prompt "The capital of France is" --raw --continuation " Paris" --continuation " Lyon"',
      'papers score --model hf:google-t5/t5-small --prompt "cola sentence: He go." --continuation acceptable --continuation unacceptable',
      'papers score --model ./no-tokenizer --tokens 1,2,3 --continuation-tokens "4,5;6" --json',
    ],
  ).option('--model <reference>', 'hf:owner/name, wheel:NAME, a folder or a file', modelReference, defaultDecoder);
  addPromptOptions(command)
    .option('--continuation <text>', 'a text that may follow; may be repeated', repeated)
    .option('--continuation-tokens <ids>', 'continuations as token ids "4,5;6,7", parted by ";"')
    .addOption(weightsOption('fp32').default('fp32'))
    .option('--threads <n>', 'threads (default: all cores)', wholeNumber(1, 1024))
    .addOption(jsonOption())
    .action(async (options: Options) => {
      const { weights, threads, continuation, continuationTokens } = options;
      const prompt = await promptOf(options, 'score');
      if ((continuation === undefined) === (continuationTokens === undefined)) {
        throw new UsageError(
          'Give continuations: --continuation TEXT, once for each, or --continuation-tokens "4,5;6". See "papers score --help".',
        );
      }
      await withSpeaker(terminal, options.model, { weights, threads }, async (model) => {
        const given =
          continuationTokens === undefined
            ? continuation!.map((text) => ({
                text,
                // The answer of an encoder with a decoder is a whole one, its end included.
                ids: model.tokenizer.encode(text, { addSpecialTokens: model.kind === 'seq2seq' }).ids,
              }))
            : tokenTable(continuationTokens, '--continuation-tokens').map((ids) => ({ text: ids.join(','), ids }));
        const empty = given.find(({ ids }) => ids.length === 0);
        if (empty) throw new CommandError(`The continuation "${empty.text}" has no token. Give some text.`);
        const ids = promptIds(model, prompt, options.raw ?? false);
        const scores = await model.score(
          ids,
          given.map((one) => one.ids),
          { signal: terminal.signal },
        );
        const continuations = scores
          .map(({ logProbability, tokens }, i) => ({
            text: given[i]!.text,
            tokens: given[i]!.ids,
            logProbability,
            tokenLogProbabilities: tokens.map((token) => token.logProbability),
          }))
          .sort((one, other) => other.logProbability - one.logProbability);
        if (options.json) {
          terminal.json({ promptTokens: ids, continuations, model: model.reference, weights: model.weights });
          return;
        }
        const rows = continuations.map(({ text, tokens, logProbability }) => [
          JSON.stringify(text),
          String(tokens.length),
          logProbability.toFixed(4),
          (logProbability / tokens.length).toFixed(4),
        ]);
        const columns = [
          { name: 'continuation' },
          { name: 'tokens', right: true },
          { name: 'ln p', right: true },
          { name: 'a token', right: true },
        ];
        for (const line of tableLines(columns, rows, terminal.width)) terminal.print(line);
      });
    });
}
