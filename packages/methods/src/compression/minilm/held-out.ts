/** Batches as a graph takes them, and what a student still lacks on text that it does not learn from. */
import { input } from '@working-papers/graph';
import { weightSource } from '@working-papers/models';
import type { DeviceTensor, HostTensor, Runtime } from '@working-papers/runtime';
import { batchOf, type Sequence, type StepInputs, tensorsOf, trainableWeights } from '@working-papers/training';
import type { BatchTensors } from './relations.ts';
import { type Student, valuesOf } from './student.ts';
import type { Goal, StudentTrainingOptions } from './student-training.ts';

/** The inputs of a batch, int64 `[rows, length]`. */
export const batchInputs = (): BatchTensors => ({
  ids: input('ids', 'int64', ['rows', 'length']),
  mask: input('mask', 'int64', ['rows', 'length']),
});

/** The inputs of a step from sequences. */
export function inputsOf(sequences: readonly Sequence[], padId: number): StepInputs {
  const { ids, mask } = tensorsOf(batchOf(sequences, { padId }));
  return { ids: ids!, mask: mask! };
}

/** Tokens of a batch, padding left out. */
export const realTokens = ({ mask }: StepInputs): number => {
  let count = 0;
  for (const one of mask!.data as BigInt64Array) if (one === 1n) count += 1;
  return count;
};

/** The loss and its parts. */
export type Looked = { loss: number; parts: Record<string, number> };

/** What a finished student still lacks on held-out text. */
export async function lossOn(
  runtime: Runtime,
  goal: Goal,
  { config, tensors }: Student,
  heldOut: readonly Sequence[],
  options: Pick<StudentTrainingOptions, 'batch' | 'padId' | 'signal'>,
): Promise<Looked> {
  const weights = trainableWeights(weightSource(tensors, 'fp32'));
  const { loss, parts } = goal.build({ config, weights }, batchInputs());
  const program = await runtime.compile({ loss, ...parts }, { label: 'held-out text' });
  try {
    const names = new Set(program.inputs.map(({ name }) => name));
    const state = weights.parameters
      .filter(({ name }) => names.has(`weight.${name}`))
      .map(({ name, shape }) => [
        `weight.${name}`,
        { dtype: 'float32' as const, shape, data: valuesOf(tensors.get(name)!) },
      ]);
    return await lookedAt(program, Object.fromEntries(state), heldOut, options);
  } finally {
    program.release();
  }
}

/** The parts of the loss on held-out text, each batch counted by its tokens. */
export async function lookedAt(
  program: Awaited<ReturnType<Runtime['compile']>>,
  state: Readonly<Record<string, DeviceTensor | HostTensor>>,
  heldOut: readonly Sequence[],
  { batch, padId = 0, signal }: Pick<StudentTrainingOptions, 'batch' | 'padId' | 'signal'>,
): Promise<Looked> {
  const sums: Record<string, number> = {};
  let total = 0;
  const ordered = [...heldOut].sort((one, other) => other.ids.length - one.ids.length);
  for (let at = 0; at < ordered.length; at += batch) {
    const given = inputsOf(ordered.slice(at, at + batch), padId);
    const tokens = realTokens(given);
    const values = await program.run({ ...given, ...state }, signal ? { signal } : {});
    for (const [name, { data }] of Object.entries(values)) sums[name] = (sums[name] ?? 0) + tokens * Number(data[0]);
    total += tokens;
  }
  const { loss, ...parts } = Object.fromEntries(Object.entries(sums).map(([name, sum]) => [name, sum / total]));
  return { loss: loss!, parts };
}
