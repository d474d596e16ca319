import type { HostTensor } from '@working-papers/runtime';
import pLimit from 'p-limit';
import { architectureOf } from '../architectures/index.ts';
import type { ModelFacts } from '../model-facts.ts';
import { compileForward, type ForwardProgram } from './forward.ts';
import { listTaps } from './taps.ts';
import type { Edit, ForwardInput, TapInfo } from './types.ts';

export interface ActivationsOptions {
  /** Changes of activations, in this order; what follows is computed from them. */
  edits?: readonly Edit[];
  signal?: AbortSignal;
}

/** What every model lets its reader see. */
export interface Looking {
  /** Every activation of a whole pass, in the order of the computation. */
  taps(): readonly TapInfo[];
  /**
   * One whole pass without a cache: the named activations and outputs (`logits`, `hidden`, ...). Throws a sentence where an
   * input or a name is not the model's, or an edit does not fit.
   */
  activations(
    input: ForwardInput,
    names: readonly string[],
    options?: ActivationsOptions,
  ): Promise<Record<string, HostTensor>>;
}

/** The same, and what ends its programs. */
export function looking(
  facts: ModelFacts,
  options: { threads?: number | undefined } = {},
): Looking & { release(): void } {
  const { runtime, config, graphWeights: weights } = facts;
  const architecture = architectureOf(config);
  let listed: readonly TapInfo[] | undefined;
  // A program holds memory beside the weights that it shares, so only the last one is kept; passes take turns, so that none loses its program.
  const turn = pLimit(1);
  let last: { key: string; program: ForwardProgram } | undefined;
  const release = () => {
    last?.program.release();
    last = undefined;
  };
  const programFor = async (input: ForwardInput, names: readonly string[], edits: readonly Edit[]) => {
    const given = Object.entries(input).filter(([, value]) => value !== undefined);
    const key = JSON.stringify([
      given.map(([name]) => name),
      // A pass is compiled for one size of images.
      input.pixels?.shape.slice(1),
      names,
      edits.map(({ name, operation }) => [name, operation]),
    ]);
    if (last?.key === key) return last.program;
    release();
    const program = await compileForward({ runtime, architecture, config, weights }, input, names, edits, {
      ...(options.threads === undefined ? {} : { threads: options.threads }),
      label: `${facts.reference} activations`,
    });
    last = { key, program };
    return program;
  };
  return {
    taps() {
      listed ??= listTaps(architecture, config, weights);
      return listed;
    },
    activations: (input, names, { edits = [], signal } = {}) =>
      turn(async () => {
        signal?.throwIfAborted();
        const program = await programFor(input, names, edits);
        return program.run(input, edits, signal);
      }),
    release,
  };
}
