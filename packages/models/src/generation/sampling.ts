/** How the next token is drawn from logits: temperature, top-k, top-p, min-p and their like, with a seed. */

import { likeliestCount } from './likeliest.ts';
import { warpersOf } from './logits/chain.ts';
import { largestIds, massOf } from './logits/warpers.ts';
import type { Likeliest, SamplingOptions } from './types.ts';

/** A token and how likely it was under the distribution it was drawn from. */
export interface Choice {
  id: number;
  /** Natural log. */
  logProbability: number;
}

/** A seeded generator of uniform numbers in [0, 1): sfc32 (PractRand), the state filled by splitmix32 from the seed. */
export function seededUniform(seed: number): () => number {
  let state = seed | 0;
  const fill = () => {
    state = (state + 0x9e3779b9) | 0;
    let z = state ^ (state >>> 16);
    z = Math.imul(z, 0x21f0aaad);
    z ^= z >>> 15;
    z = Math.imul(z, 0x735a2d97);
    return z ^ (z >>> 15);
  };
  let [a, b, c, counter] = [fill(), fill(), fill(), 1];
  const next = () => {
    const sum = (a + b + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (c << 21) | (c >>> 11);
    c = (c + sum) | 0;
    return (sum >>> 0) / 4294967296;
  };
  for (let i = 0; i < 12; i++) next();
  return next;
}

/** Draws from logits `[vocabulary]`, which are left as they are: the warpers that are asked for, then one draw. */
export function sample(logits: Float32Array, options: SamplingOptions, uniform: () => number): Choice {
  const warped = logits.slice();
  for (const warper of warpersOf(options)) warper.process(warped, noContext);
  const { top, mass } = massOf(warped);
  const weigh = (id: number) => Math.exp(warped[id]! - top);
  // In the order of sampleLikeliest, so that a seed gives one text whichever of the two draws.
  const first = largestIds(warped, likeliestCount);
  const u = uniform();
  const listed = sumOf(first, weigh);
  if (u * mass < listed || first.length < likeliestCount) return draw(first, weigh, mass, () => u);
  const known = new Set(first);
  const others = Array.from(warped.keys()).filter((id) => !known.has(id));
  const other = draw(others, weigh, mass, () => u - listed / mass);
  return other.id >= 0 ? other : draw(first, weigh, mass, () => 1);
}

const noContext = { ids: [], promptLength: 0 };

/**
 * The same distribution as {@link sample}'s, drawn with one uniform number `u` among the likeliest tokens. All `logits`
 * are asked for only when what may be drawn goes beyond those tokens and `u` or the nucleus falls there, or the entropy is needed.
 */
export function sampleLikeliest(
  likeliest: Likeliest,
  logits: () => Float32Array,
  options: SamplingOptions,
  u: number,
): Choice {
  const { temperature, topK = 0, topP = 1, minP = 0 } = options;
  const { ids, logits: values } = likeliest;
  const top = values[0]!;
  if (!Number.isFinite(top)) throw new Error('No token may be chosen: every logit is -Infinity or not a number.');
  if ((options.typicalP ?? 1) < 1 || options.etaCutoff) return sample(logits(), options, () => u);
  const places = Array.from(topK > 0 ? ids.slice(0, topK) : ids, (_, place) => place);
  const weigh = (place: number) => Math.exp((values[place]! - top) / temperature);
  const listed = sumOf(places, weigh);
  const mass = topK > 0 ? listed : Math.max(likeliest.mass, listed);
  let kept = 0;
  let total = 0;
  while (kept < places.length && (total < topP * mass || kept === 0)) total += weigh(kept++);
  if (total < topP * mass && topP < 1) return sample(logits(), options, () => u);
  const nucleus = kept;
  while (kept > 1 && weigh(kept - 1) < minP) total -= weigh(--kept);
  const bounded = topK > 0 || topP < 1 || kept < nucleus;
  if (!bounded && minP > 0) return sample(logits(), options, () => u);
  if (bounded || u * mass < listed) {
    const { id: place, logProbability } = draw(places.slice(0, kept), weigh, bounded ? total : mass, () => u);
    return { id: ids[place]!, logProbability };
  }
  // Beyond the likeliest: the others in the order of their ids.
  const known = new Set(ids);
  const every = logits();
  const others = Array.from(every.keys()).filter((id) => !known.has(id));
  const weighOther = (id: number) => Math.exp((every[id]! - top) / temperature);
  const other = draw(others, weighOther, mass, () => u - listed / mass);
  // Rounding of the mass may leave a draw behind the last token.
  return other.id >= 0 ? other : { id: ids.at(-1)!, logProbability: Math.log(weigh(places.length - 1) / mass) };
}

function sumOf(ids: Iterable<number>, weigh: (id: number) => number): number {
  let mass = 0;
  for (const id of ids) mass += weigh(id);
  return mass;
}

/** One of the ids, each with the probability of its weight over the total. */
function draw(ids: Iterable<number>, weigh: (id: number) => number, total: number, uniform: () => number): Choice {
  let remaining = uniform() * total;
  let chosen = -1;
  for (const id of ids) {
    const weight = weigh(id);
    if (weight === 0) continue;
    chosen = id;
    if (remaining < weight) break;
    remaining -= weight;
  }
  return { id: chosen, logProbability: Math.log(weigh(chosen) / total) };
}
