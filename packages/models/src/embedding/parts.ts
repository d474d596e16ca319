/** What the programs of an encoder share. */
import { gather, reduceMax, reduceMean, type Tensor } from '@working-papers/graph';
import type { HostTensor, Program } from '@working-papers/runtime';

export interface ProgramParts {
  pooling: 'mean' | 'cls' | 'max';
  threads?: number | undefined;
  signal?: AbortSignal | undefined;
}

export interface Row {
  ids: readonly number[];
  /** Default all 0. Left alone by a model that does not tell texts apart. */
  typeIds?: readonly number[];
}

/** Of these inputs those that a program has: models differ in what they ask for. */
export function neededBy(program: Program, inputs: Readonly<Record<string, HostTensor>>): Record<string, HostTensor> {
  const needed = new Set(program.inputs.map(({ name }) => name));
  return Object.fromEntries(Object.entries(inputs).filter(([name]) => needed.has(name)));
}

/** One vector a row out of `[rows, sequence, hidden]`; there is no padding to leave out. */
export function pool(hidden: Tensor, pooling: ProgramParts['pooling']): Tensor {
  if (pooling === 'cls') return gather(hidden, 0, 1);
  return pooling === 'max' ? reduceMax(hidden, [1]) : reduceMean(hidden, [1]);
}
