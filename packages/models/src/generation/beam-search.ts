import { restrict } from './choice.ts';
import type { ContinuedModel } from './continuation.ts';
import { likeliestCount } from './likeliest.ts';
import { processorsOf } from './logits/chain.ts';
import { largestIds, massOf } from './logits/warpers.ts';
import { generationProblem, promptTokens } from './options.ts';
import type { BeamOptions, BeamResult, BeamSequence, ConstraintState, KVCache, NextToken, Stepper } from './types.ts';
import { vocabularyOf } from './vocabulary.ts';

/** A sequence that still grows. */
interface Beam {
  tokens: readonly number[];
  /** Sum of the log-probabilities of its new tokens, after the processors. */
  sum: number;
  /** Where its keys and values stand. */
  row: number;
  constraint?: ConstraintState;
}

interface Candidate {
  parent: Beam;
  id: number;
  sum: number;
}

/** A sentence for the first option that a beam search cannot have, or nothing. */
function beamProblem({ beams, nBest = 1, lengthPenalty = 1, earlyStopping = false }: BeamOptions): string | undefined {
  if (!Number.isInteger(beams) || beams < 1 || beams > 64)
    return `beams must be a whole number from 1 to 64; got ${beams}.`;
  if (!Number.isInteger(nBest) || nBest < 1 || nBest > beams)
    return `nBest must be a whole number from 1 to the number of beams (${beams}); got ${nBest}.`;
  if (!Number.isFinite(lengthPenalty)) return `lengthPenalty must be a number, 0 for none; got ${lengthPenalty}.`;
  if (earlyStopping !== true && earlyStopping !== false && earlyStopping !== 'never')
    return `earlyStopping must be true, false or 'never'; got ${earlyStopping}.`;
  return undefined;
}

/**
 * Beam search as transformers' `generate` does it, with its scores, length penalty and rules of stopping. The beams are rows of
 * one cache; a beam that goes on stays in its row, and only the new tokens of one that splits are copied.
 */
export async function beamSearch(model: ContinuedModel & Stepper, options: BeamOptions): Promise<BeamResult> {
  const { tokenizer, contextLength, vocabulary } = model;
  const prompt = promptTokens(model, options);
  const problem = beamProblem(options) ?? generationProblem(options, prompt, { contextLength, vocabulary });
  if (problem) throw new Error(problem);
  const { beams: width, nBest = 1, lengthPenalty = 1, earlyStopping = false, signal } = options;
  const limit = Math.min(options.maxTokens, contextLength - prompt.length);
  const ends = options.stopAtEnd === false && !options.constraint ? [] : tokenizer.eosIds;
  const processors = processorsOf(options, tokenizer.eosIds);
  const kept = Math.max(2, 1 + ends.length) * width;
  const expand = expander({ prompt, processors, ends, kept });

  const started = performance.now();
  const cache = model.createCache(prompt.length + limit, width);
  try {
    let next = await model.prefill(cache.view(0), prompt, { signal });
    for (let row = 1; row < width; row++) cache.copy(row, cache, 0);
    const prefilled = performance.now();
    let running: Beam[] = [
      { tokens: [], sum: 0, row: 0, ...constraintOf(options.constraint?.begin(vocabularyOf(tokenizer, vocabulary))) },
    ];
    let finished: BeamSequence[] = [];
    for (let length = 1; ; length++) {
      const candidates = await expand(next, running);
      const closes = (candidate: Candidate) => length === limit || ends.includes(candidate.id) || isWhole(candidate);
      // Only the first `width` may end; the others stand by so that as many can go on.
      const closing = candidates.slice(0, width).filter(closes);
      const full = finished.length === width && earlyStopping === true;
      if (!full) {
        finished = [...finished, ...closing.map((candidate) => closed(candidate, length))]
          .sort((one, other) => other.score - one.score)
          .slice(0, width);
      }
      const open = candidates.filter((candidate) => !closes(candidate)).slice(0, width);
      if (open.length === 0) break;
      // As transformers: what the best running beam could still reach, at this length or, for 'never', at the longest.
      const hopeful = earlyStopping === 'never' && lengthPenalty > 0 ? limit : length;
      const best = open[0]!.sum / hopeful ** lengthPenalty;
      const worst = finished.length === width ? finished.at(-1)!.score : Number.NEGATIVE_INFINITY;
      if (best <= worst || (finished.length === width && earlyStopping === true)) break;
      running = settle(cache, open, prompt.length);
      const ids = new Array<number>(width).fill(0);
      for (const beam of running) ids[beam.row] = beam.tokens.at(-1)!;
      next = await model.step(cache, ids, { signal });
    }
    return {
      promptTokens: [...prompt],
      sequences: finished.slice(0, nBest),
      seconds: { prefill: (prefilled - started) / 1000, decode: (performance.now() - prefilled) / 1000 },
    };
  } finally {
    cache.release();
  }

  function closed({ parent, id, sum }: Candidate, length: number): BeamSequence {
    const tokens = [...parent.tokens, id];
    const atEnd = ends.includes(id);
    const said = atEnd ? tokens.slice(0, -1) : tokens;
    return {
      // Without a tokenizer there is no text, only ids.
      text: tokenizer.missing ? '' : tokenizer.decode(said, { skipSpecialTokens: true }),
      tokens,
      score: sum / length ** lengthPenalty,
      finish: atEnd ? 'eos' : isWhole({ parent, id, sum }) ? 'stop' : 'length',
    };
  }
}

const constraintOf = (constraint: ConstraintState | undefined) => (constraint ? { constraint } : {});

/** Whether the constraint lets nothing follow. */
function isWhole({ parent, id }: Candidate): boolean {
  const after = parent.constraint && allowedBy(parent.constraint, id) ? parent.constraint.after(id) : undefined;
  return after?.complete === true && !after.open;
}

const allowedBy = ({ allowed }: ConstraintState, id: number) => ((allowed[id >> 5]! >>> (id & 31)) & 1) === 1;

/** The `kept` best continuations of all running beams, best first. */
function expander(given: {
  prompt: readonly number[];
  processors: ReturnType<typeof processorsOf>;
  ends: readonly number[];
  kept: number;
}): (next: NextToken, running: readonly Beam[]) => Promise<Candidate[]> {
  const { prompt, processors, ends, kept } = given;

  async function likeliestOf(next: NextToken, beam: Beam): Promise<{ id: number; logProbability: number }[]> {
    if (next.likeliest && processors.length === 0 && !beam.constraint && kept <= likeliestCount) {
      const { ids, logits, mass } = await next.likeliest(1, beam.row);
      const logMass = logits[0]! + Math.log(mass);
      return ids.slice(0, kept).map((id, place) => ({ id, logProbability: logits[place]! - logMass }));
    }
    const scores = next.logits(beam.row);
    const { top, mass } = massOf(scores);
    const logMass = top + Math.log(mass);
    for (let id = 0; id < scores.length; id++) scores[id]! -= logMass;
    const ids = [...prompt, ...beam.tokens];
    for (const processor of processors) processor.process(scores, { ids, promptLength: prompt.length });
    if (beam.constraint) restrict(scores, beam.constraint, ends);
    return largestIds(scores, kept).map((id) => ({ id, logProbability: scores[id]! }));
  }

  return async (next, running) => {
    const all: Candidate[] = [];
    for (const parent of running) {
      for (const { id, logProbability } of await likeliestOf(next, parent)) {
        all.push({ parent, id, sum: parent.sum + logProbability });
      }
    }
    if (all.length === 0) throw new Error('No token may be chosen: every logit is -Infinity or not a number.');
    return all.sort((one, other) => other.sum - one.sum).slice(0, kept);
  };
}

/** Gives each beam a row: its parent's for the first of its children, a free one with the new tokens copied for the others. */
function settle(cache: KVCache, open: readonly Candidate[], promptLength: number): Beam[] {
  const taken = new Set(open.map(({ parent }) => parent.row));
  const free = Array.from({ length: cache.rows }, (_, row) => row).filter((row) => !taken.has(row));
  const kept = new Set<number>();
  const length = cache.lengths[open[0]!.parent.row]!;
  const beams = open.map(({ parent, id, sum }): Beam => {
    let { row } = parent;
    if (kept.has(row)) {
      row = free.pop()!;
      cache.truncate(row, promptLength);
      cache.copy(row, cache, parent.row, promptLength);
    }
    kept.add(row);
    const after = parent.constraint && allowedBy(parent.constraint, id) ? parent.constraint.after(id) : undefined;
    return { tokens: [...parent.tokens, id], sum, row, ...constraintOf(after) };
  });
  // Rows without a beam are stepped all the same and keep up.
  for (const row of free) if (cache.lengths[row] !== length) cache.copy(row, cache, open[0]!.parent.row, promptLength);
  return beams;
}
