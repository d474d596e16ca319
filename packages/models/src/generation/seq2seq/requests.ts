import type { Tokenizer } from '../../tokenizers/types.ts';
import { promptTokens } from '../options.ts';
import { checkIds } from '../token-ids.ts';
import type { BeamOptions, GenerateOptions } from '../types.ts';
import type { Seq2SeqBeamOptions, Seq2SeqDefaults, Seq2SeqGenerateOptions } from './types.ts';

export interface SourceLimits {
  tokenizer: Tokenizer;
  vocabulary: number;
  /** Tokens that the encoder takes. */
  sourceLength: number;
}

/** The source's tokens; a sentence where they cannot be read. */
export function sourceTokens(limits: SourceLimits, options: Seq2SeqGenerateOptions | Seq2SeqBeamOptions): number[] {
  const { tokenizer, vocabulary, sourceLength } = limits;
  const cut = options.truncate && options.prompt !== undefined && (options.raw || !tokenizer.chatTemplate);
  const ids = cut ? tokenizer.encode(options.prompt!, { maxLength: sourceLength }).ids : promptTokens(limits, options);
  checkSource(ids, { vocabulary, sourceLength });
  return ids;
}

export function checkSource(
  ids: readonly number[],
  { vocabulary, sourceLength }: Omit<SourceLimits, 'tokenizer'>,
): void {
  if (ids.length === 0) throw new Error('The source is empty: there is nothing to answer. Give at least one token.');
  checkIds(ids, vocabulary, 1);
  if (ids.length > sourceLength) {
    throw new Error(
      `The source has ${ids.length} tokens; the model's encoder takes ${sourceLength}. Shorten it; a text can be cut with truncate.`,
    );
  }
}

/** What is asked of the decoder alone: it continues its start token. */
export function decoderRequest(options: Seq2SeqGenerateOptions, defaults: Seq2SeqDefaults): GenerateOptions;
export function decoderRequest(options: Seq2SeqBeamOptions, defaults: Seq2SeqDefaults): BeamOptions;
export function decoderRequest(
  options: Seq2SeqGenerateOptions | Seq2SeqBeamOptions,
  defaults: Seq2SeqDefaults,
): GenerateOptions | BeamOptions {
  const { prompt, messages, raw, truncate, decoderIds = [], modelRules = true, ...asked } = options;
  const ids = [defaults.startId, ...decoderIds];
  if (!modelRules) return { ...asked, ids };
  const { forcedFirstId, forcedLastId, badWords } = defaults;
  const words = [...badWords, ...(options.badWords ?? [])];
  return {
    // As transformers: a first token is forced right after the start token alone.
    ...(forcedFirstId === undefined || decoderIds.length > 0 ? {} : { forcedFirstId }),
    ...(forcedLastId === undefined ? {} : { forcedLastId }),
    ...asked,
    ...(words.length > 0 ? { badWords: words } : {}),
    ids,
  };
}
