import { div, exp, input, reduceMax, reduceSum, sub, topK } from '@working-papers/graph';
import type { Call, DeviceTensor, Program, ProgramOptions, Runtime } from '@working-papers/runtime';
import type { Likeliest } from './types.ts';

/** Tokens that are looked at first; nearly every draw ends among them. */
export const likeliestCount = 256;

/** Of logits `[rows, vocabulary]`, without bringing them to JavaScript: the largest of each row and the mass of all. */
export function compileLikeliest(runtime: Runtime, vocabulary: number, options: ProgramOptions): Promise<Program> {
  const logits = input('logits', 'float32', ['rows', vocabulary]);
  const temperature = input('temperature', 'float32', [1]);
  const { values, indices } = topK(logits, Math.min(likeliestCount, vocabulary), -1);
  const weights = exp(div(sub(logits, reduceMax(logits, [-1], { keepDims: true })), temperature));
  return runtime.compile({ values, indices, mass: reduceSum(weights, [-1]) }, options);
}

/** A run of that program over one row of a tensor of logits. */
export class LikeliestRun {
  private readonly logits: DeviceTensor;
  private readonly temperature: DeviceTensor;
  private readonly values: DeviceTensor;
  private readonly indices: DeviceTensor;
  private readonly mass: DeviceTensor;
  private readonly call: Call;

  constructor(runtime: Runtime, program: Program, all: DeviceTensor, row: number) {
    const [, vocabulary] = all.shape as [number, number];
    const logits = all.reshape([1, vocabulary], row * vocabulary);
    this.logits = logits;
    const count = Math.min(likeliestCount, vocabulary);
    this.temperature = runtime.tensor('float32', [1]);
    this.values = runtime.tensor('float32', [1, count]);
    this.indices = runtime.tensor('int64', [1, count]);
    this.mass = runtime.tensor('float32', [1]);
    const { temperature, values, indices, mass } = this;
    this.call = program.bind({ logits, temperature }, { values, indices, mass });
  }

  /** Takes about 0.1 ms, so it is run in the calling thread. */
  run(temperature: number): Likeliest {
    (this.temperature.view() as Float32Array)[0] = temperature;
    this.call.runSync();
    const count = this.values.shape[1]!;
    return {
      ids: Array.from(this.indices.read(0, count) as BigInt64Array, Number),
      logits: this.values.read(0, count) as Float32Array,
      mass: (this.mass.view() as Float32Array)[0]!,
    };
  }

  release(): void {
    this.call.release();
    for (const tensor of [this.logits, this.temperature, this.values, this.indices, this.mass]) tensor.release();
  }
}
