/** Milliseconds a batch: models in turn, round after round, so that a busy moment meets all of them. */
import { input } from '@working-papers/graph';
import { median } from '@working-papers/measures';
import { architectureOf, seededUniform } from '@working-papers/models';
import type { HostTensor, Program, Runtime } from '@working-papers/runtime';
import { isCausal, type Side } from './student.ts';

export interface TimingOptions {
  rows: number;
  length: number;
  rounds: number;
  signal?: AbortSignal | undefined;
  /** Milliseconds of a monotonic clock. */
  elapsed(): number;
  onRound?: ((round: number) => void) | undefined;
}

/** The rounds of each model, in milliseconds, over batches of random tokens; a first round is not counted. */
export async function millisecondsABatch(
  runtime: Runtime,
  sides: readonly Side[],
  { rows, length, rounds, signal, elapsed, onRound }: TimingOptions,
): Promise<number[][]> {
  const programs: Program[] = [];
  const times = sides.map((): number[] => []);
  try {
    for (const { config, weights } of sides) {
      const ids = input('ids', 'int64', ['rows', 'length']);
      const mask = input('mask', 'int64', ['rows', 'length']);
      const { hidden } = architectureOf(config).forward(config, weights, { ids, mask }, {});
      programs.push(await runtime.compile({ hidden: hidden! }, { label: 'timing' }));
    }
    for (let round = 0; round <= rounds; round++) {
      for (const [index, program] of programs.entries()) {
        signal?.throwIfAborted();
        const batch = randomBatch(sides[index]!, rows, length, round);
        const began = elapsed();
        await program.run(batch, signal ? { signal } : {});
        if (round > 0) times[index]!.push(elapsed() - began);
      }
      onRound?.(round);
    }
    return times;
  } finally {
    for (const program of programs) program.release();
  }
}

/** Median with quartiles. */
export function spreadOf(values: readonly number[]): { value: number; low: number; high: number } {
  const sorted = [...values].sort((one, other) => one - other);
  const half = Math.ceil(sorted.length / 2);
  return { value: median(sorted), low: median(sorted.slice(0, half)), high: median(sorted.slice(-half)) };
}

function randomBatch({ config }: Side, rows: number, length: number, seed: number): Record<string, HostTensor> {
  const uniform = seededUniform(seed + 1);
  const shape = [rows, length];
  const ids = BigInt64Array.from({ length: rows * length }, () =>
    BigInt(2 + Math.floor(uniform() * (config.vocab_size - 2))),
  );
  const mask = new BigInt64Array(rows * length).fill(1n);
  return { ids: { dtype: 'int64', shape, data: ids }, mask: { dtype: 'int64', shape, data: mask } };
}

/** Operations of one token through the layers, in multiples and additions: what a ratio of speeds is expected to be. */
export function flopsAToken(config: Side['config'], length: number): number {
  const { hidden_size: h, intermediate_size: f, num_hidden_layers: layers } = config;
  const products = isCausal(config) ? 4 * h * h + 3 * h * f : 4 * h * h + 2 * h * f;
  return 2 * layers * (products + 2 * length * h);
}
