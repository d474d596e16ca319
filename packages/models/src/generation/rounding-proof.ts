import type { DecoderModel, EncoderModel } from '../types.ts';
import { sample, seededUniform } from './sampling.ts';
import type { Stepper } from './types.ts';

/** What rounding for prompts costs on one model; see {@link proveDecoder} and {@link proveEncoder}. */
export interface RoundingProof {
  measure: 'divergence' | 'cosine';
  value: number;
  /** Tokens, or sequences, that it was measured on. */
  count: number;
}

/** A divergence may be as large, a cosine as small. */
const limits = { divergence: 0.03, cosine: 0.995 } as const;

const rows = 8;

export interface SampledText {
  ids: number[];
  /** Of each token after the first. */
  logProbabilities: number[];
}

/** Eight texts of 64 tokens that a decoder says at temperature 1 after a random token: in its own language, whatever that is. */
export async function sampleTexts(
  model: Pick<Stepper, 'createCache' | 'step'>,
  { vocabulary, contextLength }: { vocabulary: number; contextLength: number },
  seed: number,
  signal?: AbortSignal,
): Promise<SampledText[]> {
  const length = Math.min(64, contextLength - 1);
  const uniform = seededUniform(seed);
  const texts: SampledText[] = Array.from({ length: rows }, () => ({
    ids: [Math.floor(uniform() * vocabulary)],
    logProbabilities: [],
  }));
  const cache = model.createCache(length, rows);
  try {
    for (let place = 0; place < length; place++) {
      const last = texts.map(({ ids }) => ids.at(-1)!);
      const next = await model.step(cache, last, { signal });
      for (const [row, { ids, logProbabilities }] of texts.entries()) {
        const { id, logProbability } = sample(next.logits(row), { temperature: 1 }, uniform);
        ids.push(id);
        logProbabilities.push(logProbability);
      }
    }
  } finally {
    cache.release();
  }
  return texts;
}

/** Sequences of random tokens, for models that say nothing. */
export function randomTexts(
  { vocabulary, contextLength }: { vocabulary: number; contextLength: number },
  seed: number,
): number[][] {
  const uniform = seededUniform(seed);
  const length = Math.min(32, contextLength);
  return Array.from({ length: 32 }, () => Array.from({ length }, () => Math.floor(uniform() * vocabulary)));
}

/**
 * Kullback-Leibler divergence, in nats a token, of a decoder's prompts from its single steps, which do not round so, over texts that
 * the steps sample. The estimate is the mean of r - 1 - ln r over r = p(prompt) / p(step), which has the divergence's expectation and
 * is never negative.
 */
export async function proveDecoder(
  model: Pick<DecoderModel, 'createCache' | 'step' | 'nll' | 'contextLength'> & { vocabulary: number },
  { signal }: { signal?: AbortSignal | undefined } = {},
): Promise<RoundingProof> {
  let sum = 0;
  let count = 0;
  for (const { ids, logProbabilities } of await sampleTexts(model, model, 0, signal)) {
    const prompted = await model.nll(ids, { signal });
    for (const [place, logProbability] of logProbabilities.entries()) {
      const difference = -prompted[place]! - logProbability;
      sum += Math.exp(difference) - 1 - difference;
      count++;
    }
  }
  return { measure: 'divergence', value: sum / count, count };
}

/** The smallest cosine between an encoder's embeddings with and without rounding, of 32 sequences of random tokens. */
export async function proveEncoder(
  model: Pick<EncoderModel, 'embedIds' | 'contextLength'> & { vocabulary: number },
  unrounded: Pick<EncoderModel, 'embedIds'>,
  { signal }: { signal?: AbortSignal | undefined } = {},
): Promise<RoundingProof> {
  const sequences = randomTexts(model, 0);
  const rounded = await model.embedIds(sequences, { signal });
  const exact = await unrounded.embedIds(sequences, { signal });
  const cosines = rounded.map((embedding, i) => embedding.reduce((sum, x, j) => sum + x * exact[i]![j]!, 0));
  return { measure: 'cosine', value: Math.min(...cosines), count: sequences.length };
}

/** Whether rounding costs no more than the limit. */
export const holds = ({ measure, value }: RoundingProof): boolean =>
  measure === 'divergence' ? value <= limits.divergence : value >= limits.cosine;

/** The proof as a sentence for readers. */
export function sentenceOf({ measure, value, count }: RoundingProof): string {
  return measure === 'divergence'
    ? `int8 prompts diverge from single steps by ${value.toFixed(4)} nats a token over ${count} sampled tokens (limit ${limits[measure]}).`
    : `int8 embeddings have a cosine of at least ${value.toFixed(4)} with unrounded ones over ${count} sequences of random tokens (limit ${limits[measure]}).`;
}
