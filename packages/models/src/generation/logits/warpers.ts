/** What sampling does to a distribution, in the order and with the numbers of transformers' warpers. */
import { forbiddenLogit, type LogitsProcessor } from './processor.ts';

/** Flatter above 1, sharper below. */
export function temperature(value: number): LogitsProcessor {
  return {
    name: 'temperature',
    process(logits) {
      for (let id = 0; id < logits.length; id++) logits[id]! /= value;
    },
  };
}

/** The k largest logits, and those equal to the smallest of them. */
export function topK(k: number): LogitsProcessor {
  return {
    name: 'top-k',
    process(logits) {
      const floor = kthLargest(logits, k);
      for (let id = 0; id < logits.length; id++) if (logits[id]! < floor) logits[id] = forbiddenLogit;
    },
  };
}

/** The fewest most probable tokens whose probabilities add up to at least p (nucleus sampling, arXiv 1904.09751). */
export function topP(p: number): LogitsProcessor {
  return {
    name: 'top-p',
    process(logits) {
      const { top, mass } = massOf(logits);
      const candidates = nucleusCandidates(logits, top, p * mass);
      let [kept, total] = [0, 0];
      while (kept < candidates.length && (total < p * mass || kept === 0)) {
        total += Math.exp(logits[candidates[kept++]!]! - top);
      }
      keepOnly(logits, candidates.slice(0, kept));
    },
  };
}

/** Tokens at least p times as probable as the most probable one (arXiv 2407.01082). */
export function minP(p: number): LogitsProcessor {
  return {
    name: 'min-p',
    process(logits) {
      const floor = largestOf(logits) + Math.log(p);
      for (let id = 0; id < logits.length; id++) if (logits[id]! < floor) logits[id] = forbiddenLogit;
    },
  };
}

/** The tokens whose surprise is closest to the entropy, up to a probability of p together (arXiv 2202.00666). */
export function typicalP(p: number): LogitsProcessor {
  return {
    name: 'typical-p',
    process(logits) {
      const { logMass, entropy } = entropyOf(logits);
      const order = finiteIds(logits);
      const distance = (id: number) => Math.abs(logMass - logits[id]! - entropy);
      order.sort((a, b) => distance(a) - distance(b) || a - b);
      let [kept, total] = [0, 0];
      // As the reference has it: those before the one that reaches p, that one, and those as close as it.
      while (kept < order.length && total + Math.exp(logits[order[kept]!]! - logMass) < p) {
        total += Math.exp(logits[order[kept++]!]! - logMass);
      }
      const bound = distance(order[Math.min(kept, order.length - 1)]!);
      while (kept < order.length && distance(order[kept]!) <= bound) kept++;
      keepOnly(logits, order.slice(0, Math.max(kept, 1)));
    },
  };
}

/** Tokens above min(cutoff, sqrt(cutoff) exp(-entropy)), the most probable always (arXiv 2210.15191). */
export function etaCutoff(cutoff: number): LogitsProcessor {
  return {
    name: 'eta cutoff',
    process(logits) {
      const { logMass, entropy } = entropyOf(logits);
      const floor = Math.log(Math.min(cutoff, Math.sqrt(cutoff) * Math.exp(-entropy))) + logMass;
      const top = largestOf(logits);
      for (let id = 0; id < logits.length; id++) {
        if (logits[id]! < floor && logits[id]! < top) logits[id] = forbiddenLogit;
      }
    },
  };
}

/** The largest logit; a sentence where none is finite. */
export function largestOf(logits: Float32Array): number {
  let top = forbiddenLogit;
  for (const logit of logits) if (logit > top) top = logit;
  if (!Number.isFinite(top)) throw new Error('No token may be chosen: every logit is -Infinity or not a number.');
  return top;
}

/** The largest logit, and the sum of exp(logit - largest). */
export function massOf(logits: Float32Array): { top: number; mass: number } {
  const top = largestOf(logits);
  let mass = 0;
  for (let id = 0; id < logits.length; id++) if (logits[id]! > forbiddenLogit) mass += Math.exp(logits[id]! - top);
  return { top, mass };
}

/** Ids of the k largest logits, largest first, equal ones by id. */
export function largestIds(logits: Float32Array, k: number): number[] {
  const floor = kthLargest(logits, k);
  const ids: number[] = [];
  for (let id = 0; id < logits.length; id++) if (logits[id]! >= floor && logits[id]! > forbiddenLogit) ids.push(id);
  return byLogit(logits, ids).slice(0, k);
}

function byLogit(logits: Float32Array, ids: number[]): number[] {
  return ids.sort((one, other) => logits[other]! - logits[one]! || one - other);
}

function entropyOf(logits: Float32Array): { logMass: number; entropy: number } {
  const { top, mass } = massOf(logits);
  const logMass = top + Math.log(mass);
  let entropy = 0;
  for (const logit of logits) if (logit > forbiddenLogit) entropy -= (logit - logMass) * Math.exp(logit - logMass);
  return { logMass, entropy };
}

function finiteIds(logits: Float32Array): number[] {
  const ids: number[] = [];
  for (let id = 0; id < logits.length; id++) if (logits[id]! > forbiddenLogit) ids.push(id);
  return ids;
}

function keepOnly(logits: Float32Array, ids: readonly number[]): void {
  const values = ids.map((id) => logits[id]!);
  logits.fill(forbiddenLogit);
  for (const [place, id] of ids.entries()) logits[id] = values[place]!;
}

/** Every id that a nucleus of this mass may keep, most probable first: found by looking a certain way down from the top. */
function nucleusCandidates(logits: Float32Array, top: number, wanted: number): number[] {
  for (const span of [6, 12]) {
    const ids: number[] = [];
    let mass = 0;
    for (let id = 0; id < logits.length; id++) {
      if (logits[id]! <= top - span) continue;
      ids.push(id);
      mass += Math.exp(logits[id]! - top);
    }
    if (mass >= wanted) return byLogit(logits, ids);
  }
  return byLogit(logits, finiteIds(logits));
}

/** The k-th largest value, by a bounded ascending list (k is small beside the vocabulary). */
function kthLargest(values: Float32Array, k: number): number {
  if (k >= values.length) return forbiddenLogit;
  const largest = new Float32Array(k).fill(forbiddenLogit);
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
