/** The exactness checks of the paper's central claim, on any model and prompts: packed caches against prefills of their own. */
import type { CacheEntries, DecoderModel, EncoderModel } from '@working-papers/models';
import { type Plan, planPadded } from './packing.ts';
import { encodePlan, type PassOptions, prefillPlan } from './prefill.ts';

export interface Difference {
  prompt: number;
  /** Largest absolute difference of any key or value, or of any embedding component. */
  absolute: number;
  /** The same over the largest magnitude. */
  relative: number;
}

/** Prompts worth comparing: the first, the middle and the last of the fullest rows, at most `count`. */
export function chosen(plan: Plan, count: number): number[] {
  const rows = [...plan.rows].sort((a, b) => b.prompts.length - a.prompts.length);
  const found = new Set<number>();
  for (const { prompts } of rows)
    for (const at of [0, prompts.length >> 1, prompts.length - 1]) if (found.size < count) found.add(prompts[at]!);
  return [...found];
}

/**
 * Compares each chosen prompt's packed cache with its prefill alone, which is dense and causal whatever the packed attention is.
 * `without` runs a negative control, which must differ.
 */
export async function compareCaches(
  model: DecoderModel,
  plan: Plan,
  prefixes: readonly (readonly number[])[],
  prompts: readonly number[],
  options: PassOptions = {},
): Promise<Difference[]> {
  const packed = await prefillPlan(model, plan, prefixes, options);
  const differences: Difference[] = [];
  for (const prompt of prompts) {
    const solo = await prefillPlan(
      model,
      planPadded(
        prefixes.map((ids) => ids.length),
        [prompt],
      ),
      prefixes,
      { attention: 'dense', signal: options.signal },
    );
    const difference = largestDifference(tensorsOf(packed.get(prompt)!), tensorsOf(solo.get(prompt)!));
    differences.push({ prompt, ...difference });
  }
  return differences;
}

/** The same for packed embeddings. */
export async function compareEmbeddings(
  model: EncoderModel,
  plan: Plan,
  texts: readonly (readonly number[])[],
  prompts: readonly number[],
  options: Omit<PassOptions, 'without'> = {},
): Promise<Difference[]> {
  const packed = await encodePlan(model, plan, texts, options);
  const solo = await model.embedIds(
    prompts.map((prompt) => texts[prompt]!),
    { signal: options.signal },
  );
  return prompts.map((prompt, i) => ({ prompt, ...largestDifference([packed.get(prompt)!], [solo[i]!]) }));
}

const tensorsOf = (entries: CacheEntries) => [...entries.keys, ...entries.values];

function largestDifference(ours: readonly Float32Array[], reference: readonly Float32Array[]) {
  let absolute = 0;
  let largest = 0;
  reference.forEach((tensor, t) => {
    const other = ours[t];
    if (other?.length !== tensor.length)
      throw new Error(`Tensor ${t} has ${other?.length} numbers packed and ${tensor.length} alone.`);
    for (let i = 0; i < tensor.length; i++) {
      // Written so that a NaN on either side counts as a difference.
      const difference = Math.abs(other[i]! - tensor[i]!);
      if (!(difference <= absolute)) absolute = difference;
      largest = Math.max(largest, Math.abs(tensor[i]!));
    }
  });
  return { absolute, relative: largest > 0 ? absolute / largest : absolute };
}

export const largest = (differences: readonly Difference[]): Difference =>
  differences.reduce((worst, next) => (next.relative > worst.relative ? next : worst));
