/** How the next token is drawn from logits: temperature, top-k, top-p, with a seed. */
import type { Likeliest } from '../types.ts';

/** A token and how likely it was under the distribution it was drawn from. */
export interface Choice {
  id: number;
  /** Natural log. */
  logProbability: number;
}

export interface SamplingOptions {
  /** Divides the logits; above 0. */
  temperature: number;
  /** 0 is all. */
  topK: number;
  /** 1 is all. */
  topP: number;
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

/** Draws from logits `[vocabulary]`: temperature, then the top k, then top-p (the order of Hugging Face's warpers). */
export function sample(logits: Float32Array, options: SamplingOptions, uniform: () => number): Choice {
  const { temperature, topK, topP } = options;
  let top = Number.NEGATIVE_INFINITY;
  for (const logit of logits) if (logit > top) top = logit;
  if (!Number.isFinite(top)) throw new Error('No token may be chosen: every logit is -Infinity or not a number.');
  const weigh = (id: number) => Math.exp((logits[id]! - top) / temperature);
  if (topK === 0 && topP === 1) return draw(logits.keys(), weigh, massOf(logits.keys(), weigh), uniform);

  const mass = topK > 0 ? undefined : massOf(logits.keys(), weigh);
  const candidates = mass === undefined ? largest(logits, topK) : nucleusCandidates(logits, top, weigh, mass, options);
  candidates.sort((one, other) => logits[other]! - logits[one]! || one - other);
  if (topK > 0) candidates.length = Math.min(candidates.length, topK);
  const nucleus = topP * (mass ?? massOf(candidates, weigh));
  let kept = 0;
  let total = 0;
  while (kept < candidates.length && (total < nucleus || kept === 0)) total += weigh(candidates[kept++]!);
  return draw(candidates.slice(0, kept), weigh, total, uniform);
}

/**
 * The same distribution as {@link sample}'s, drawn with one uniform number `u` among the likeliest tokens. All `logits`
 * are asked for only when a nucleus is wider than those tokens, or when `u` falls beyond them.
 */
export function sampleLikeliest(
  likeliest: Likeliest,
  logits: () => Float32Array,
  options: SamplingOptions,
  u: number,
): Choice {
  const { temperature, topK, topP } = options;
  const { ids, logits: values } = likeliest;
  const top = values[0]!;
  if (!Number.isFinite(top)) throw new Error('No token may be chosen: every logit is -Infinity or not a number.');
  const places = Array.from(topK > 0 ? ids.slice(0, topK) : ids, (_, place) => place);
  const weigh = (place: number) => Math.exp((values[place]! - top) / temperature);
  const listed = massOf(places, weigh);
  const mass = topK > 0 ? listed : Math.max(likeliest.mass, listed);
  let kept = 0;
  let total = 0;
  while (kept < places.length && (total < topP * mass || kept === 0)) total += weigh(kept++);
  if (total < topP * mass && topP < 1) return sample(logits(), options, () => u);
  if (topK > 0 || topP < 1 || u * mass < listed) {
    const { id: place, logProbability } = draw(places.slice(0, kept), weigh, topP < 1 ? total : mass, () => u);
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

function massOf(ids: Iterable<number>, weigh: (id: number) => number): number {
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

/** The ids of the k largest values, and of those equal to the smallest of them. */
function largest(values: Float32Array, k: number): number[] {
  const floor = kthLargest(values, k);
  const ids: number[] = [];
  for (let id = 0; id < values.length; id++) {
    if (values[id]! >= floor && values[id]! > Number.NEGATIVE_INFINITY) ids.push(id);
  }
  return ids;
}

/** Every id that top-p may keep: the fewest found by looking a certain way down from the top. */
function nucleusCandidates(
  logits: Float32Array,
  top: number,
  weigh: (id: number) => number,
  mass: number,
  { temperature, topP }: SamplingOptions,
): number[] {
  for (const span of [6, 12]) {
    const ids: number[] = [];
    for (let id = 0; id < logits.length; id++) if (logits[id]! > top - span * temperature) ids.push(id);
    if (massOf(ids, weigh) >= topP * mass) return ids;
  }
  return largest(logits, logits.length);
}

/** The k-th largest value, by a bounded ascending list (k is small beside the vocabulary). */
function kthLargest(values: Float32Array, k: number): number {
  if (k >= values.length) return Number.NEGATIVE_INFINITY;
  const largest = new Float32Array(k).fill(Number.NEGATIVE_INFINITY);
  for (const value of values) {
    if (!(value > largest[0]!)) continue;
    let place = 0;
    while (place + 1 < k && largest[place + 1]! < value) {
      largest[place] = largest[place + 1]!;
      place++;
    }
    largest[place] = value;
  }
  return largest[0]!;
}
