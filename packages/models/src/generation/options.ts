import type { Tokenizer } from '../tokenizers/types.ts';
import { likeliestCount } from './likeliest.ts';
import type { GenerateOptions } from './types.ts';

/** The prompt's tokens, by chat template, as raw text or as given. */
export function promptTokens(
  { tokenizer }: { tokenizer: Tokenizer },
  options: Pick<GenerateOptions, 'prompt' | 'ids' | 'messages' | 'raw'>,
): number[] {
  const given = [options.prompt, options.ids, options.messages].filter((value) => value !== undefined).length;
  if (given !== 1) throw new Error(`Give one of prompt, messages and ids; got ${given} of them.`);
  if (options.ids) return [...options.ids];
  if (options.prompt !== undefined && (options.raw || !tokenizer.chatTemplate)) {
    return tokenizer.encode(options.prompt).ids;
  }
  const messages = options.messages ?? [{ role: 'user', content: options.prompt! }];
  // The template writes the special tokens itself.
  return tokenizer.encode(tokenizer.applyChatTemplate(messages), { addSpecialTokens: false }).ids;
}

interface Rule {
  name: keyof GenerateOptions;
  holds(value: number): boolean;
  wants: string;
}

const whole = (least: number, most = Number.MAX_SAFE_INTEGER) => ({
  holds: (value: number) => Number.isInteger(value) && value >= least && value <= most,
});
const real = (holds: (value: number) => boolean) => ({
  holds: (value: number) => Number.isFinite(value) && holds(value),
});

const rules: readonly Rule[] = [
  { name: 'maxTokens', ...whole(1), wants: 'a whole number of at least 1' },
  { name: 'minNewTokens', ...whole(0), wants: 'a whole number, 0 for none' },
  { name: 'temperature', ...real((value) => value >= 0), wants: '0 (greedy) or more' },
  { name: 'topK', ...whole(0), wants: 'a whole number, 0 for all tokens' },
  { name: 'topP', ...real((value) => value > 0 && value <= 1), wants: 'above 0 and at most 1' },
  { name: 'minP', ...real((value) => value >= 0 && value <= 1), wants: 'from 0 (off) to 1' },
  { name: 'typicalP', ...real((value) => value > 0 && value <= 1), wants: 'above 0 and at most 1 (off)' },
  { name: 'etaCutoff', ...real((value) => value >= 0 && value < 1), wants: 'from 0 (off) to below 1' },
  { name: 'repetitionPenalty', ...real((value) => value > 0), wants: 'above 0, 1 for none' },
  { name: 'presencePenalty', ...real(() => true), wants: 'a number, 0 for none' },
  { name: 'frequencyPenalty', ...real(() => true), wants: 'a number, 0 for none' },
  { name: 'noRepeatNgramSize', ...whole(0), wants: 'a whole number, 0 for none' },
  { name: 'seed', holds: Number.isInteger, wants: 'a whole number' },
  { name: 'logProbabilities', ...whole(0, likeliestCount), wants: `a whole number from 0 to ${likeliestCount}` },
];

/** A sentence for the first option that cannot be, or nothing. */
export function generationProblem(
  options: GenerateOptions,
  prompt: readonly number[],
  limits: { contextLength: number; vocabulary: number },
): string | undefined {
  for (const { name, holds, wants } of rules) {
    const value = options[name];
    if (value === undefined && name !== 'maxTokens') continue;
    if (typeof value !== 'number' || !holds(value)) return `${name} must be ${wants}; got ${value}.`;
  }
  if (options.badWords?.some((ids) => ids.length === 0)) return 'A bad word must have at least one token; got none.';
  if (prompt.length === 0) return 'The prompt is empty: there is nothing to continue. Give at least one token.';
  if (prompt.length >= limits.contextLength) {
    return `The prompt has ${prompt.length} tokens; the model's context holds ${limits.contextLength}, at least one of them new. Shorten the prompt.`;
  }
  const { logitBias = {}, badWords = [], stopIds = [], forcedFirstId = 0, forcedLastId = 0 } = options;
  const named = [...Object.keys(logitBias).map(Number), ...badWords.flat(), ...stopIds, forcedFirstId, forcedLastId];
  const odd = [...prompt, ...named].find((id) => !Number.isInteger(id) || id < 0 || id >= limits.vocabulary);
  if (odd !== undefined) return `${odd} is not a token id; the model has ${limits.vocabulary} tokens.`;
  return undefined;
}
