import { type DataType, input, type Shape, type Tensor } from '@working-papers/graph';
import type { Architecture, ForwardInputName, ForwardTensors } from '../architectures/architecture.ts';
import type { ModelConfig } from '../formats/types.ts';
import type { Tap, WeightSource } from '../types.ts';
import type { TapInfo } from './types.ts';

const shapes: Record<ForwardInputName, readonly [dtype: DataType, shape: Shape]> = {
  ids: ['int64', ['rows', 'sequence']],
  mask: ['int64', ['rows', 'sequence']],
  positions: ['int64', ['rows', 'sequence']],
  tokenTypes: ['int64', ['rows', 'sequence']],
  decoderIds: ['int64', ['rows', 'decoderSequence']],
  decoderMask: ['int64', ['rows', 'decoderSequence']],
  pixels: ['float32', ['images', 'channels', 'height', 'width']],
};

/** Graph inputs of a whole pass, by name; images have the size of `pixels` `[images, channels, height, width]`, or any. */
export function forwardInputs(names: readonly ForwardInputName[], pixels?: readonly number[]): ForwardTensors {
  return Object.fromEntries(
    names.map((name) => {
      const [dtype, shape] = shapes[name];
      return [name, input(name, dtype, name === 'pixels' && pixels ? ['images', ...pixels.slice(1)] : shape)];
    }),
  );
}

/** Every activation of a whole pass, in the order of the computation; nothing is compiled. */
export function listTaps(architecture: Architecture, config: ModelConfig, weights: WeightSource): TapInfo[] {
  const taps: TapInfo[] = [];
  const { required, optional } = architecture.inputs(config);
  architecture.forward(config, weights, forwardInputs([...required, ...optional]), {
    tap: (name, { dtype, shape }) => void taps.push({ name, dtype, shape }),
  });
  return taps;
}

/** Keeps the tensors of given names as a graph is built; replaces some. */
export class TapRecorder {
  readonly seen = new Map<string, Tensor>();
  private readonly every: string[] = [];
  private readonly wanted: ReadonlySet<string>;
  private readonly replace: (name: string, tensor: Tensor) => Tensor | undefined;

  constructor(
    names: readonly string[],
    replace: (name: string, tensor: Tensor) => Tensor | undefined = () => undefined,
  ) {
    this.wanted = new Set(names);
    this.replace = replace;
  }

  readonly tap: Tap = (name, tensor) => {
    this.every.push(name);
    const replaced = this.replace(name, tensor);
    if (this.wanted.has(name)) this.seen.set(name, replaced ?? tensor);
    return replaced;
  };

  /** A sentence for the first of `names` that did not come by, or nothing. */
  missing(names: readonly string[], others: readonly string[] = []): string | undefined {
    const known = new Set([...this.every, ...others]);
    const odd = names.find((name) => !known.has(name));
    if (odd === undefined) return undefined;
    const near = [...known]
      .filter((name) => shared(name, odd) >= odd.length / 2)
      .sort((a, b) => shared(b, odd) - shared(a, odd));
    return `There is no activation '${odd}' in this model${near.length ? `; near it are ${near.slice(0, 4).join(', ')}` : ''}. It has ${known.size}.`;
  }
}

/** How many characters two names have alike at their beginnings and ends. */
function shared(one: string, other: string): number {
  const alike = (at: (name: string, i: number) => string | undefined) => {
    let i = 0;
    while (i < Math.min(one.length, other.length) && at(one, i) === at(other, i)) i++;
    return i;
  };
  return alike((name, i) => name[i]) + alike((name, i) => name.at(-1 - i));
}
