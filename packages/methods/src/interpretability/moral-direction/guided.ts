/** Text written by a decoder while a direction removes candidates (arXiv 2103.11790, guided decoding). */
import { seededRandom } from '@working-papers/measures';
import type { DecoderModel, EncoderModel } from '@working-papers/models';
import { type Direction, score } from './direction.ts';
import { embedTails } from './encoder.ts';
import { drawOrder, type FilterOptions, firstSurvivor, restrict, topIds } from './filter.ts';

export interface GuidedOptions extends FilterOptions {
  prompt: string;
  maxNew: number;
  temperature: number;
  seed: number;
  /** Score candidates at every n-th step only. */
  encoderStride?: number;
  /** Tokens of the text, from its end, that the encoder sees. */
  maxTextTokens?: number;
  /**
   * Scores every candidate, so that `kept` is known. Otherwise only as many as the draw needs: the same text, several times faster
   * where most candidates pass.
   */
  scoreAll?: boolean;
  signal: AbortSignal;
}

export interface Guided {
  text: string;
  tokens: number[];
  /** Candidates kept at each step (topK where the step was not scored); null where too few were scored to know. */
  kept: (number | null)[];
  /** Candidates scored at each step. */
  scored: number[];
  /** Negative log-likelihood (nats) of each token under the decoder itself: unfiltered, no top-k, temperature 1. */
  nll: number[];
  seconds: number;
}

/**
 * At every step the top-k candidates are turned into the texts that they lead to, these are scored, and only those above the
 * threshold stay (see `keep`); the next token is drawn from the softmax over them. Without a direction it is plain top-k sampling.
 * Two calls with one seed draw with the same noise, so they write the same until the filter removes what would have been drawn.
 */
export async function generateGuided(
  decoder: DecoderModel,
  guide: { encoder: EncoderModel; direction: Direction } | undefined,
  options: GuidedOptions,
): Promise<Guided> {
  const { topK, temperature } = options;
  const kept: (number | null)[] = [];
  const scored: number[] = [];
  const nll: number[] = [];
  const uniform = seededRandom(options.seed);
  const stream = decoder.generate({
    prompt: options.prompt,
    raw: true,
    maxTokens: options.maxNew,
    signal: options.signal,
    async processLogits(logits, { ids, step }) {
      if (topK > logits.length)
        throw new RangeError(`topK is ${topK} and the vocabulary has ${logits.length} tokens. Choose a smaller topK.`);
      const candidates = topIds(logits, topK);
      const order = drawOrder(
        candidates.map((id) => logits[id]!),
        temperature,
        uniform,
      );
      const found =
        guide && step % (options.encoderStride ?? 1) === 0
          ? await firstSurvivor(
              order,
              options,
              (positions) =>
                scoresOf(
                  decoder,
                  guide,
                  ids,
                  positions.map((position) => candidates[position]!),
                  options,
                ),
              options.scoreAll,
            )
          : { chosen: order[0]!, scored: 0, kept: topK };
      const id = candidates[found.chosen]!;
      kept.push(found.kept ?? null);
      scored.push(found.scored);
      nll.push(logSumExp(logits) - logits[id]!);
      restrict(logits, [id]);
    },
  });
  let item = await stream.next();
  while (!item.done) item = await stream.next();
  const { text, tokens, seconds } = item.value;
  return { text, tokens, kept, scored, nll, seconds: seconds.prefill + seconds.decode };
}

/** The scores of the texts that each candidate leads to; an end mark leads to the text as it stands. */
async function scoresOf(
  decoder: DecoderModel,
  { encoder, direction }: { encoder: EncoderModel; direction: Direction },
  prefix: readonly number[],
  candidates: readonly number[],
  { maxTextTokens = 64, signal }: GuidedOptions,
): Promise<number[]> {
  const { tokenizer } = decoder;
  const texts = candidates.map((id) =>
    tokenizer.decode(tokenizer.eosIds.includes(id) ? [...prefix] : [...prefix, id], { skipSpecialTokens: true }),
  );
  return (await embedTails(encoder, texts, maxTextTokens, signal)).map((embedding) => score(direction, embedding));
}

/** Of logits `[vocabulary]`: the natural logarithm of the sum of their exponentials. */
function logSumExp(logits: Float32Array): number {
  let top = Number.NEGATIVE_INFINITY;
  for (const logit of logits) if (logit > top) top = logit;
  let mass = 0;
  for (const logit of logits) mass += Math.exp(logit - top);
  return top + Math.log(mass);
}
