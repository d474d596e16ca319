import type { StepInputs } from '../step/batch-calls.ts';
import type { StepResult, TrainingStep } from '../step/training-step.ts';

/** Where batches come from: one after the other, from a place that can be written down. */
export interface BatchSource {
  /** The next batch; undefined when there are no more. */
  next(): Promise<StepInputs | undefined>;
  /** What `next` goes on from, fit for JSON. */
  position(): unknown;
}

/** What a training says of itself as it goes. */
export type TrainingEvent =
  | ({ type: 'step'; tokensPerSecond?: number } & StepResult)
  | { type: 'evaluation'; step: number; values: Readonly<Record<string, number>>; best: boolean }
  | { type: 'checkpoint'; step: number; kind: 'last' | 'best' }
  | { type: 'end'; step: number; why: TrainingEnd };

/** All steps done, no more batches, no better for as long as `patience` says, or a loss that is no number. */
export type TrainingEnd = 'done' | 'data' | 'patience' | 'diverged';

export interface Evaluation {
  /** After so many steps each; and after the last. */
  every: number;
  /** The values of the weights as they are. */
  measure(step: TrainingStep): Promise<Readonly<Record<string, number>>>;
  /** Which of them says what is best. Default the first, less being better. */
  by?: { value: string; better?: 'less' | 'more' };
  /** Ends the training when so many evaluations in a row were not better than the best before. */
  patience?: number;
}

/** What a loop goes on from, beside the step's own state; fit for JSON. */
export interface LoopPosition {
  /** The source's own. */
  batches: unknown;
  /** The best evaluation so far, and how many came since. */
  best?: { value: number; since: number };
}

export interface TrainOptions {
  /** Steps in all, those done before among them. */
  steps: number;
  /** Batches of one step, for a step compiled to `accumulate`; where the data end the last step has fewer. Default 1. */
  accumulate?: number;
  /** Where an earlier loop was. The source must have been put there by whoever made it. */
  from?: Pick<LoopPosition, 'best'>;
  evaluation?: Evaluation;
  /** Keeps the state: `last` every so many steps and at the end, `best` when an evaluation was the best so far. */
  checkpoint?: { every: number; save(kind: 'last' | 'best', position: LoopPosition): Promise<void> };
  /** Each so many steps one is watched (the first, and the last, among them): what the graph calls `watched` is then in its event. */
  watchEvery?: number;
  /** Tokens of a batch, for the speed that steps say. */
  tokensOf?(batch: StepInputs): number;
  signal?: AbortSignal;
  onEvent?(event: TrainingEvent): void;
}

/**
 * Steps until there is a reason to end, which it answers. A loss or a gradient that is no number ends it at once and is not kept: the last
 * checkpoint is from before. An aborted signal rejects with its reason, when the step that is under way has ended and its state is kept.
 */
export async function train(step: TrainingStep, batches: BatchSource, options: TrainOptions): Promise<TrainingEnd> {
  const { steps, accumulate = 1, watchEvery, evaluation, checkpoint, signal, tokensOf, onEvent } = options;
  checkWhole('steps', steps);
  checkWhole('accumulate', accumulate);
  if (watchEvery !== undefined) {
    checkWhole('watchEvery', watchEvery);
    if (accumulate > 1)
      throw new Error('Steps of several batches cannot be watched; leave out accumulate or watchEvery.');
  }
  if (evaluation) checkWhole('evaluation.every', evaluation.every);
  if (checkpoint) checkWhole('checkpoint.every', checkpoint.every);
  const best = new Best(evaluation, options.from?.best);
  const save = async (kind: 'last' | 'best') => {
    if (!checkpoint) return;
    await checkpoint.save(kind, { batches: batches.position(), ...best.position() });
    onEvent?.({ type: 'checkpoint', step: step.done, kind });
  };
  const end = async (why: TrainingEnd) => {
    if (why !== 'diverged') await save('last');
    onEvent?.({ type: 'end', step: step.done, why });
    return why;
  };

  // Ended here before, and killed before it could say so.
  if (step.done < steps && evaluation?.patience !== undefined && best.since >= evaluation.patience)
    return end('patience');
  while (step.done < steps) {
    if (signal?.aborted) {
      await save('last');
      throw signal.reason;
    }
    const given: StepInputs[] = [];
    while (given.length < accumulate) {
      const batch = await batches.next();
      if (!batch) break;
      given.push(batch);
    }
    if (given.length === 0) return end('data');
    const began = performance.now();
    const watch = watchEvery !== undefined && (step.done % watchEvery === 0 || step.done === steps - 1);
    const result = await (watch ? step.watch(given[0]!) : step.run(given));
    const seconds = (performance.now() - began) / 1000;
    const tokens = tokensOf && given.reduce((sum, batch) => sum + tokensOf(batch), 0);
    onEvent?.({ type: 'step', ...result, ...(tokens === undefined ? {} : { tokensPerSecond: tokens / seconds }) });
    if (!Number.isFinite(result.loss) || !Number.isFinite(result.gradientNorm)) return end('diverged');
    const last = step.done === steps;
    if (evaluation && (last || step.done % evaluation.every === 0)) {
      const values = await evaluation.measure(step);
      const better = best.take(values);
      onEvent?.({ type: 'evaluation', step: step.done, values, best: better });
      if (better) await save('best');
      if (best.since === evaluation.patience) return end('patience');
    }
    if (checkpoint && !last && step.done % checkpoint.every === 0) await save('last');
  }
  return end('done');
}

/** The best evaluation so far. */
class Best {
  /** Evaluations since then. */
  since = 0;
  #value: number | undefined;
  readonly #by: Evaluation['by'];

  constructor(evaluation: Evaluation | undefined, from: LoopPosition['best']) {
    this.#by = evaluation?.by;
    this.#value = from?.value;
    this.since = from?.since ?? 0;
  }

  position(): Pick<LoopPosition, 'best'> {
    return this.#value === undefined ? {} : { best: { value: this.#value, since: this.since } };
  }

  /** Whether these values are better than all before. */
  take(values: Readonly<Record<string, number>>): boolean {
    const name = this.#by?.value ?? Object.keys(values)[0];
    const value = name === undefined ? undefined : values[name];
    if (value === undefined) {
      throw new Error(`The evaluation has no value '${name}'; it has ${Object.keys(values).join(', ') || 'none'}.`);
    }
    const more = this.#by?.better === 'more';
    const better =
      Number.isFinite(value) && (this.#value === undefined || (more ? value > this.#value : value < this.#value));
    this.since = better ? 0 : this.since + 1;
    if (better) this.#value = value;
    return better;
  }
}

function checkWhole(name: string, value: number): void {
  if (!Number.isSafeInteger(value) || value < 1)
    throw new Error(`${name} must be a whole number of at least 1; got ${value}.`);
}
