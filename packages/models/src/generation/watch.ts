import type { Tensor } from '@working-papers/graph';
import type { DeviceTensor, HostTensor, Runtime } from '@working-papers/runtime';
import { type BuiltEdit, editInputs, editing, type Placement } from '../activations/edits.ts';
import { TapRecorder } from '../activations/taps.ts';
import type { Instruments } from '../activations/types.ts';
import type { Tap } from '../types.ts';

/** Instruments while the graph of a decoder is built. */
export interface Watch {
  readonly instruments: Instruments;
  readonly tap: Tap;
  /** After the graph is built: what is read, by name. Throws a sentence for a name that no activation has. */
  read(): ReadonlyMap<string, Tensor>;
  readonly built: readonly BuiltEdit[];
}

export function watchOf(instruments: Instruments): Watch {
  const { names = [], edits = [] } = instruments;
  const { replace, built } = editing(edits);
  const recorder = new TapRecorder(names, replace);
  return {
    instruments,
    tap: recorder.tap,
    built,
    read() {
      const problem = recorder.missing([...names, ...edits.map(({ name }) => name)]);
      if (problem) throw new Error(problem);
      return recorder.seen;
    },
  };
}

/** The tensors through which one bound run gives edits and reads activations. */
export class BoundWatch {
  readonly inputs: Record<string, DeviceTensor> = {};
  readonly outputs: Record<string, DeviceTensor> = {};
  private readonly watch: Watch;
  private readonly sizes: ReadonlyMap<string, number>;
  private readonly placement: Omit<Placement, 'starts'>;

  constructor(
    runtime: Runtime,
    watch: Watch,
    sizes: ReadonlyMap<string, number>,
    placement: Omit<Placement, 'starts'>,
  ) {
    this.watch = watch;
    this.sizes = sizes;
    this.placement = placement;
    for (const [name, { dtype, shape }] of Object.entries(this.given([])))
      this.inputs[name] = runtime.tensor(dtype, shape);
    for (const [name, { dtype, shape }] of watch.read()) {
      const known = shape.map((size) => (typeof size === 'number' ? size : sizes.get(size)));
      if (known.includes(undefined)) {
        this.release();
        throw new Error(
          `The activation '${name}' has the shape [${shape.join(', ')}], which is not known before a run.`,
        );
      }
      this.outputs[`tap.${name}`] = runtime.tensor(dtype, known as number[]);
    }
  }

  /** Writes the edits for a run whose rows begin at these places. */
  before(starts: readonly number[]): void {
    for (const [name, { data }] of Object.entries(this.given(starts))) this.inputs[name]!.write(data);
  }

  /** Hands on what was read; `total` tokens are in the longest row. */
  after(starts: readonly number[], total: number): void {
    const { onActivations } = this.watch.instruments;
    if (!onActivations) return;
    const activations: Record<string, HostTensor> = {};
    for (const [name, { shape }] of this.watch.read()) {
      const tensor = this.outputs[`tap.${name}`]!;
      const read = { dtype: tensor.dtype, shape: tensor.shape, data: tensor.read() };
      activations[name] = shape.at(-1) === 'capacity' ? firstColumns(read, total) : read;
    }
    onActivations({ activations, starts });
  }

  release(): void {
    for (const tensor of [...Object.values(this.inputs), ...Object.values(this.outputs)]) tensor.release();
  }

  private given(starts: readonly number[]): Record<string, HostTensor> {
    const inputs: Record<string, HostTensor> = {};
    for (const [index, edit] of this.watch.built.entries())
      Object.assign(inputs, editInputs(edit, index, this.sizes, { ...this.placement, starts }));
    return inputs;
  }
}

/** `[..., capacity]` cut to `[..., total]`. */
function firstColumns({ dtype, shape, data }: HostTensor, total: number): HostTensor {
  const width = shape.at(-1)!;
  const values = data as Float32Array;
  const cut = new Float32Array((values.length / width) * total);
  for (let row = 0; row * width < values.length; row++) {
    cut.set(values.subarray(row * width, row * width + total), row * total);
  }
  return { dtype, shape: [...shape.slice(0, -1), total], data: cut };
}
