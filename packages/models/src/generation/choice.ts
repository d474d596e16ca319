import { likeliestCount } from './likeliest.ts';
import { processorsOf } from './logits/chain.ts';
import { forbiddenLogit } from './logits/processor.ts';
import { largestIds, largestOf, massOf } from './logits/warpers.ts';
import { type Choice, sample, sampleLikeliest, seededUniform } from './sampling.ts';
import type { ConstraintState, GenerateOptions, NextToken, TokenScore } from './types.ts';

export type Chosen = { id: number; logProbability?: number; score?: TokenScore };

export interface ChoiceContext {
  /** Prompt and new tokens so far. */
  ids: readonly number[];
  promptLength: number;
  constraint?: ConstraintState;
}

/**
 * Chooses one request's tokens. Greedy takes the graph's own choice, and sampling draws among the likeliest tokens that a
 * graph found; JavaScript sees all logits where a processor wants them, the constraint forbids the graph's choice, or the draw
 * falls beyond those tokens.
 */
export function chooser(
  options: GenerateOptions,
  endIds: readonly number[],
): (next: NextToken, row: number, context: ChoiceContext) => Promise<Chosen> | Chosen {
  const { temperature = 0, topK = 0, seed = 0, processLogits, logProbabilities } = options;
  const processors = processorsOf(options, endIds);
  const uniform = seededUniform(seed);
  const plain = processors.length === 0 && !processLogits;

  async function choose(next: NextToken, row: number, context: ChoiceContext): Promise<Choice | { id: number }> {
    const { constraint, ids, promptLength } = context;
    if (plain && temperature === 0 && (!constraint || allows(constraint, next.ids[row]!, endIds))) {
      return { id: next.ids[row]! };
    }
    if (plain && !constraint && temperature > 0 && topK <= likeliestCount && next.likeliest) {
      const likeliest = await next.likeliest(temperature, row);
      return sampleLikeliest(likeliest, () => next.logits(row), { ...options, temperature }, uniform());
    }
    const logits = next.logits(row);
    for (const processor of processors) processor.process(logits, { ids, promptLength });
    if (constraint) restrict(logits, constraint, endIds);
    if (processLogits) await processLogits(logits, { ids, step: ids.length - promptLength });
    return temperature === 0
      ? { id: logits.indexOf(largestOf(logits)) }
      : sample(logits, { ...options, temperature }, uniform);
  }

  if (plain && temperature === 0 && !options.constraint && logProbabilities === undefined) {
    return (next, row) => ({ id: next.ids[row]! });
  }
  return async (next, row, context) => {
    options.signal?.throwIfAborted();
    const chosen = await choose(next, row, context);
    if (logProbabilities === undefined) return chosen;
    return { ...chosen, score: await scoreOf(next, row, chosen.id, logProbabilities) };
  };
}

function allows({ allowed, complete }: ConstraintState, id: number, endIds: readonly number[]): boolean {
  return endIds.includes(id) ? complete : ((allowed[id >> 5]! >>> (id & 31)) & 1) === 1;
}

/** Forbids what the constraint does not allow. */
export function restrict(logits: Float32Array, state: ConstraintState, endIds: readonly number[]): void {
  const { allowed } = state;
  const ends = state.complete ? endIds.map((id) => [id, logits[id]!] as const) : [];
  for (let id = 0; id < logits.length; id++) {
    if (((allowed[id >> 5]! >>> (id & 31)) & 1) === 0) logits[id] = forbiddenLogit;
  }
  for (const id of endIds) logits[id] = forbiddenLogit;
  for (const [id, logit] of ends) logits[id] = logit;
}

/** How probable the model itself found token `id`, and the `count` tokens it found most probable. */
export async function scoreOf(next: NextToken, row: number, id: number, count: number): Promise<TokenScore> {
  if (next.likeliest) {
    const { ids, logits, mass } = await next.likeliest(1, row);
    const logMass = logits[0]! + Math.log(mass);
    const place = ids.indexOf(id);
    return {
      logProbability: (place < 0 ? next.logits(row)[id]! : logits[place]!) - logMass,
      alternatives: ids.slice(0, count).map((other, i) => ({ id: other, logProbability: logits[i]! - logMass })),
    };
  }
  return scoreIn(next.logits(row), id, count);
}

/** The same from all logits. */
export function scoreIn(logits: Float32Array, id: number, count: number): TokenScore {
  const { top, mass } = massOf(logits);
  const logMass = top + Math.log(mass);
  return {
    logProbability: logits[id]! - logMass,
    alternatives:
      count === 0
        ? []
        : largestIds(logits, count).map((other) => ({ id: other, logProbability: logits[other]! - logMass })),
  };
}
