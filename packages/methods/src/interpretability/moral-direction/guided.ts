/** Text written by a decoder while a direction removes candidates (arXiv 2103.11790, guided decoding). */
import type { DecoderModel, EncoderModel } from '@working-papers/models';
import { type Direction, score } from './direction.ts';
import { embedTails } from './encoder.ts';
import { type FilterOptions, keep, restrict, topIds } from './filter.ts';

export interface GuidedOptions extends FilterOptions {
  prompt: string;
  maxNew: number;
  temperature: number;
  seed: number;
  /** Score candidates at every n-th step only. */
  encoderStride?: number;
  /** Tokens of the text, from its end, that the encoder sees. */
  maxTextTokens?: number;
  signal: AbortSignal;
}

export interface Guided {
  text: string;
  tokens: number[];
  /** Candidates kept at each step; topK where the step was not scored. */
  kept: number[];
  seconds: number;
}

/**
 * At every step the top-k candidates are turned into the texts that they lead to, these are scored, and only those above the
 * threshold stay (see `keep`); the rest get -infinity and the sampling goes on as ever. Without a direction it is plain top-k sampling.
 */
export async function generateGuided(
  decoder: DecoderModel,
  guide: { encoder: EncoderModel; direction: Direction } | undefined,
  options: GuidedOptions,
): Promise<Guided> {
  const kept: number[] = [];
  const ends = new Set(decoder.tokenizer.eosIds);
  const stream = decoder.generate({
    prompt: options.prompt,
    raw: true,
    maxTokens: options.maxNew,
    temperature: options.temperature,
    topK: options.topK,
    seed: options.seed,
    signal: options.signal,
    async processLogits(logits, { ids, step }) {
      if (options.topK > logits.length)
        throw new RangeError(
          `topK is ${options.topK} and the vocabulary has ${logits.length} tokens. Choose a smaller topK.`,
        );
      const candidates = topIds(logits, options.topK);
      if (!guide || step % (options.encoderStride ?? 1) !== 0) {
        kept.push(candidates.length);
        return;
      }
      const prefix = [...ids];
      const texts = candidates.map((id) =>
        decoder.tokenizer.decode(ends.has(id) ? prefix : [...prefix, id], { skipSpecialTokens: true }),
      );
      const embeddings = await embedTails(guide.encoder, texts, options.maxTextTokens ?? 64, options.signal);
      const survivors = keep(
        embeddings.map((e) => score(guide.direction, e)),
        options,
      );
      kept.push(survivors.length);
      restrict(
        logits,
        survivors.map((i) => candidates[i]!),
      );
    },
  });
  let item = await stream.next();
  while (!item.done) item = await stream.next();
  const { text, tokens, seconds } = item.value;
  return { text, tokens, kept, seconds: seconds.prefill + seconds.decode };
}
