import { constant, mul, reduceMean, slice, type Tensor } from '@working-papers/graph';
import type { WeightSource } from '../types.ts';
import type { RotatedStream } from './int8-source.ts';

/** Weights that also say what the inputs of their products are like: build a graph with them, then compile {@link means}. */
export class WatchedInputs implements WeightSource {
  /** By the first weight that an input is multiplied with: its mean over rows and tokens but the first, `[columns]`. */
  readonly means = new Map<string, Tensor>();
  /** The weights that each of those inputs is multiplied with. */
  readonly products = new Map<string, string[]>();
  private readonly base: WeightSource;
  private readonly stream: RotatedStream | undefined;
  private readonly first = new Map<Tensor, string>();

  /** With a stream, gains stand in the products after them, as where it is rotated; here it is not. */
  constructor(base: WeightSource, stream?: RotatedStream) {
    this.base = base;
    this.stream = stream;
  }

  get weights(): WeightSource['weights'] {
    return this.base.weights;
  }

  get bytes(): number {
    return this.base.bytes;
  }

  has(name: string): boolean {
    return this.base.has(this.sourceName(name));
  }

  get(name: string, shape?: readonly number[]): Tensor {
    const plain = this.base.get(name, shape);
    if (!this.stream?.isGain(name)) return plain;
    const width = plain.shape[0] as number;
    return constant(new Float32Array(width).fill(1), 'float32', [width]);
  }

  linear: WeightSource['linear'] = (x, names, bias, options) => {
    const list = typeof names === 'string' ? [names] : names;
    const known = this.first.get(x);
    const key = known ?? list[0]!;
    this.products.set(key, [...(this.products.get(key) ?? []), ...list]);
    if (known === undefined) {
      this.first.set(x, key);
      // The first token of a text is often like no other: attention rests on it.
      const usual = x.shape.length === 3 ? slice(x, 1, 1) : x;
      this.means.set(
        key,
        reduceMean(
          usual,
          usual.shape.slice(1).map((_, axis) => axis),
        ),
      );
    }
    const gain = this.stream?.gainBefore(list[0]!);
    const given = gain === undefined ? x : mul(x, this.base.get(gain));
    return this.base.linear(
      given,
      list.map((name) => this.sourceName(name)),
      bias,
      options,
    );
  };

  apart(x: Tensor, names: readonly string[], bias?: readonly string[]): Tensor[] {
    return names.map((name, i) => this.linear(x, name, bias?.[i]));
  }

  embedding(ids: Tensor, name: string, count?: number): Tensor {
    return this.base.embedding(ids, name, count);
  }

  private sourceName(name: string): string {
    return this.stream?.nameOf(name) ?? name;
  }
}
