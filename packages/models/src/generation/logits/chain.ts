import type { LogitsOptions, SamplingOptions } from '../types.ts';
import { badWords, forcedToken, minNewTokens, noRepeatNgram, sequenceBias } from './bans.ts';
import { presenceAndFrequencyPenalty, repetitionPenalty } from './penalties.ts';
import type { LogitsProcessor } from './processor.ts';
import { etaCutoff, minP, temperature, topK, topP, typicalP } from './warpers.ts';

/** Penalties and bans in the order of transformers' `_get_logits_processor`; empty where none is asked for. */
export function processorsOf(
  options: LogitsOptions & { maxTokens: number },
  endIds: readonly number[],
): LogitsProcessor[] {
  const { logitBias, presencePenalty = 0, frequencyPenalty = 0, noRepeatNgramSize = 0 } = options;
  const chain: LogitsProcessor[] = [];
  if (logitBias && Object.keys(logitBias).length > 0) {
    chain.push(sequenceBias(Object.entries(logitBias).map(([id, bias]) => ({ ids: [Number(id)], bias }))));
  }
  if ((options.repetitionPenalty ?? 1) !== 1) chain.push(repetitionPenalty(options.repetitionPenalty!));
  if (presencePenalty !== 0 || frequencyPenalty !== 0) {
    chain.push(presenceAndFrequencyPenalty(presencePenalty, frequencyPenalty));
  }
  if (noRepeatNgramSize > 0) chain.push(noRepeatNgram(noRepeatNgramSize));
  if (options.badWords?.length) chain.push(badWords(options.badWords, endIds));
  if (options.minNewTokens) chain.push(minNewTokens(options.minNewTokens, endIds));
  if (options.forcedFirstId !== undefined) chain.push(forcedToken(options.forcedFirstId, 0));
  if (options.forcedLastId !== undefined) chain.push(forcedToken(options.forcedLastId, options.maxTokens - 1));
  return chain;
}

/** Temperature, top-k, top-p, min-p, typical-p, eta cutoff: those that are asked for, in transformers' order. */
export function warpersOf(options: SamplingOptions): LogitsProcessor[] {
  const chain: LogitsProcessor[] = [];
  if (options.temperature !== 1) chain.push(temperature(options.temperature));
  if (options.topK) chain.push(topK(options.topK));
  if ((options.topP ?? 1) < 1) chain.push(topP(options.topP!));
  if (options.minP) chain.push(minP(options.minP));
  if ((options.typicalP ?? 1) < 1) chain.push(typicalP(options.typicalP!));
  if (options.etaCutoff) chain.push(etaCutoff(options.etaCutoff));
  return chain;
}
