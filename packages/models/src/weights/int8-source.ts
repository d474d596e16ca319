import {
  add,
  concat,
  initializer,
  input,
  matMulIntegerToFloat,
  matmul,
  mul,
  sub,
  type Tensor,
  transpose,
} from '@working-papers/graph';
import type { HostTensor, Program, Runtime } from '@working-papers/runtime';
import type { WeightTensor } from '../formats/types.ts';
import type { WeightSource } from '../types.ts';
import { type Int8Form, inputMiddle, inputStep, roundedInput, roundedRows } from './int8.ts';
import { floats, outIn, transposeInto } from './matrices.ts';
import { hadamardProduct, hadamardSize, type Rotation } from './rotation.ts';

/** How a model's residual stream is rotated: what stands between two norms is written rotated and read rotated. */
export interface RotatedStream {
  rotation: Rotation;
  /** The weight that is multiplied under a name, where it is another's (a tied head). */
  nameOf(name: string): string;
  /** For a product that reads the stream: the gain of the norm before it, which goes into its weights. */
  gainBefore(name: string): string | undefined;
  /** Whether a weight or bias belongs to a product that writes the stream. */
  writes(name: string): boolean;
  /** Whether a weight is a gain that goes into the products after it. */
  isGain(name: string): boolean;
}

export interface Int8Options {
  /** Computes the rotated weights. */
  runtime: Runtime;
  /** Without one, each product's input is rotated on the fly. */
  stream?: RotatedStream;
  /**
   * By weight: the mean of what it is multiplied with, `[columns]`, over some usual tokens, before rotation and gain. It is taken from
   * each input before it is rounded, and comes back exactly; where inputs have much in common, what is left is finer.
   */
  means?: ReadonlyMap<string, Float32Array>;
  /** How a product's weights are held. */
  formOf(name: string): Int8Form;
}

/** Inputs with fewer numbers a row are not worth their rounding. */
const leastColumns = 32;
/** Rows that are rotated and rounded at once. */
const preparedRows = 4096;

/**
 * Weights for prompts: 8 bits a weight with a scale a row, inputs rounded to 8 bits with a scale a token, both rotated first, the
 * product in integers. A token's result does not depend on what is computed beside it. Tables and narrow products are `base`'s.
 */
export class Int8Source implements WeightSource {
  readonly weights = 'int8';
  bytes = 0;
  private readonly tensors: ReadonlyMap<string, WeightTensor>;
  private readonly base: WeightSource;
  private readonly options: Int8Options;
  private readonly made = new Map<string, Tensor>();
  private readonly inputs = new WeakMap<Tensor, Map<number, RoundedProductInput>>();
  private readonly preparations = new Map<string, Promise<Program>>();

  constructor(tensors: ReadonlyMap<string, WeightTensor>, base: WeightSource, options: Int8Options) {
    this.tensors = tensors;
    this.base = base;
    this.options = options;
  }

  has(name: string): boolean {
    return this.tensors.has(this.sourceName(name));
  }

  get(name: string, shape?: readonly number[]): Tensor {
    const { stream } = this.options;
    const plain = this.base.get(name, shape);
    if (stream?.isGain(name)) {
      return this.make(name, 'float32', plain.shape as number[], async () =>
        new Float32Array(this.find(name).count).fill(1),
      );
    }
    if (stream?.writes(name) && plain.shape.length === 1) return stream.rotation.product(plain);
    return plain;
  }

  embedding(ids: Tensor, name: string, count?: number): Tensor {
    const plain = this.base.embedding(ids, name, count);
    return this.options.stream ? this.options.stream.rotation.product(plain) : plain;
  }

  linear: WeightSource['linear'] = (x, names, bias, options) => {
    const list = typeof names === 'string' ? [names] : names;
    const columns = x.shape.at(-1) as number;
    if (columns < leastColumns) return this.base.linear(x, names, bias, options);
    const parts = list.map((name) => ({ name, tensor: this.matrix(name, options?.layout) }));
    for (const { name, tensor } of parts) {
      const { shape } = tensor;
      if (shape.length !== 2 || shape[1] !== columns) {
        throw new Error(`The weight '${name}' [${shape.join(', ')}] does not multiply rows of ${columns} numbers.`);
      }
    }
    const { stream, formOf } = this.options;
    const form = formOf(list[0]!);
    // Where few products are turned on the fly and weights are coarse, wider blocks are worth their time (bench/README.md).
    const widest = stream && form === 'paired' ? 128 : undefined;
    const size = stream?.gainBefore(list[0]!) === undefined ? hadamardSize(columns, widest) : 1;
    const rows = parts.reduce((sum, { tensor }) => sum + tensor.shape[0]!, 0);
    const name = list.join('|');
    const { values, largest, mean } = this.rounded(x, size, list[0]!);
    const prepared = once(() => this.prepare(parts, { size, rows, columns, form, mean }), mean ? 3 : 2);
    const product = matMulIntegerToFloat(
      values,
      this.make(
        `${name}:int8`,
        form === 'unsigned' ? 'uint8' : 'int8',
        [columns, rows],
        async () => (await prepared('values')).values,
      ),
      inputStep,
      this.make(`${name}:scales`, 'float32', [rows], async () => (await prepared('scales')).scales),
      { aZeroPoint: inputMiddle, bZeroPoint: form === 'unsigned' ? inputMiddle : undefined },
    );
    const y = mul(product, largest);
    const added = [
      ...(mean ? [this.make(`${name}:mean`, 'float32', [rows], async () => (await prepared('ofMean')).ofMean)] : []),
      ...(bias === undefined ? [] : [this.biases(bias)]),
    ];
    return added.length === 0 ? y : add(y, added.reduce(add));
  };

  /** Each a product of its own: the inputs are rounded once, and nothing is copied apart. */
  apart(x: Tensor, names: readonly string[], bias?: readonly string[]): Tensor[] {
    return names.map((name, i) => this.linear(x, name, bias?.[i]));
  }

  /** Frees the programs that prepared the weights. */
  release(): void {
    for (const program of this.preparations.values()) program.then((made) => made.release()).catch(() => {});
    this.preparations.clear();
  }

  private biases(names: string | readonly string[]): Tensor {
    const each = (typeof names === 'string' ? [names] : names).map((name) => this.get(name));
    return each.length === 1 ? each[0]! : concat(each, 0);
  }

  private sourceName(name: string): string {
    return this.options.stream?.nameOf(name) ?? name;
  }

  private find(name: string): WeightTensor {
    const tensor = this.tensors.get(this.sourceName(name));
    if (!tensor) throw new Error(`The checkpoint has no weight '${name}'.`);
    return tensor;
  }

  /** A matrix `[out, in]`, whichever way it lies in the checkpoint. */
  private matrix(name: string, layout: 'out-in' | 'in-out' = 'out-in'): WeightTensor {
    const tensor = this.find(name);
    return layout === 'in-out' && !tensor.transposed ? outIn(tensor) : tensor;
  }

  private make(
    name: string,
    dtype: 'float32' | 'int8' | 'uint8',
    shape: readonly number[],
    data: () => Promise<Float32Array | Int8Array | Uint8Array>,
  ): Tensor {
    let tensor = this.made.get(name);
    if (!tensor) {
      tensor = initializer(name, dtype, shape, async () => bytesOf(await data()));
      this.made.set(name, tensor);
      this.bytes += shape.reduce((product, size) => product * size, 1) * (dtype === 'float32' ? 4 : 1);
    }
    return tensor;
  }

  private rounded(x: Tensor, size: number, name: string): RoundedProductInput {
    const known = this.inputs.get(x) ?? new Map<number, RoundedProductInput>();
    this.inputs.set(x, known);
    let answer = known.get(size);
    if (!answer) {
      const columns = x.shape.at(-1) as number;
      const given = this.options.means?.get(name);
      const mean = given?.length === columns ? given : undefined;
      const turned = hadamardProduct(x, size);
      const common = mean && this.make(`${name}:input`, 'float32', [columns], () => this.turnedMean(name, size, mean));
      answer = { ...roundedInput(common ? sub(turned, common) : turned), mean };
      known.set(size, answer);
    }
    return answer;
  }

  /** The mean of a product's inputs as the product sees it. */
  private async turnedMean(name: string, size: number, mean: Float32Array): Promise<Float32Array> {
    const program = await this.turning(name, size, mean.length);
    return (await program.run({ mean: host([1, mean.length], mean) })).turned!.data as Float32Array;
  }

  /** One program for all means that are turned alike. */
  private turning(name: string, size: number, columns: number): Promise<Program> {
    const reads = this.options.stream?.gainBefore(name) !== undefined;
    return this.compiledOnce(`mean ${columns} ${size} ${reads}`, () =>
      this.options.runtime.compile(
        { turned: this.turned(input('mean', 'float32', ['rows', columns]), name, size) },
        { label: 'rotation of a mean' },
      ),
    );
  }

  /** Rows of a product's inputs, rotated as the stream is and on the fly. */
  private turned(rows: Tensor, name: string, size: number): Tensor {
    const { stream } = this.options;
    return hadamardProduct(stream?.gainBefore(name) === undefined ? rows : stream.rotation.product(rows), size);
  }

  /** The operands of a product: values `[columns, rows]`, scales `[rows]`, and what it makes of the mean `[rows]`. */
  private async prepare(
    parts: readonly { name: string; tensor: WeightTensor }[],
    { size, rows, columns, form, mean }: PreparedShape,
  ): Promise<PreparedWeights> {
    const values = new (form === 'unsigned' ? Uint8Array : Int8Array)(columns * rows);
    const scales = new Float32Array(rows);
    const ofMean = new Float32Array(rows);
    const common = host([1, columns], mean ?? new Float32Array(columns));
    let first = 0;
    for (const { name, tensor } of parts) {
      const count = tensor.shape[0]!;
      const weights = floats(tensor);
      const program = await this.preparation(name, size, columns, form);
      const gain = this.options.stream?.gainBefore(name);
      const given: Record<string, HostTensor> =
        gain === undefined ? {} : { gain: host([columns], floats(this.find(gain))) };
      const step = this.options.stream?.writes(name) ? count : preparedRows;
      for (let start = 0; start < count; start += step) {
        const end = Math.min(start + step, count);
        const some = host([end - start, columns], weights.subarray(start * columns, end * columns));
        const answer = await program.run({ weights: some, mean: common, ...given });
        transposeInto(answer.values!.data as typeof values, end - start, columns, values, rows, first);
        scales.set(answer.scales!.data as Float32Array, first);
        ofMean.set(answer.ofMean!.data as Float32Array, first);
        first += end - start;
      }
    }
    return { values, scales, ofMean };
  }

  /** Rotates and rounds rows of weights; one program for all that are treated alike. */
  private preparation(name: string, size: number, columns: number, form: Int8Form): Promise<Program> {
    const { stream, runtime } = this.options;
    const [reads, writes] = [stream?.gainBefore(name) !== undefined, stream?.writes(name) ?? false];
    const key = `${columns} ${size} ${reads} ${writes} ${form}`;
    return this.compiledOnce(key, () => {
      const rows = writes ? stream!.rotation.width : 'rows';
      const weights = input('weights', 'float32', [rows, columns]);
      const gained = reads ? mul(weights, input('gain', 'float32', [columns])) : weights;
      const written = writes ? transpose(stream!.rotation.product(transpose(gained, [1, 0])), [1, 0]) : gained;
      const turned = this.turned(written, name, size);
      const mean = this.turned(input('mean', 'float32', [1, columns]), name, size);
      return runtime.compile(
        { ...roundedRows(turned, form), ofMean: matmul(turned, transpose(mean, [1, 0])) },
        { label: 'rotation of weights' },
      );
    });
  }

  private compiledOnce(key: string, compile: () => Promise<Program>): Promise<Program> {
    let program = this.preparations.get(key);
    if (!program) {
      program = compile();
      this.preparations.set(key, program);
    }
    return program;
  }
}

interface RoundedProductInput extends ReturnType<typeof roundedInput> {
  /** What was taken from each row. */
  mean: Float32Array | undefined;
}

interface PreparedShape {
  size: number;
  rows: number;
  columns: number;
  form: Int8Form;
  mean: Float32Array | undefined;
}

interface PreparedWeights {
  values: Int8Array | Uint8Array;
  scales: Float32Array;
  ofMean: Float32Array;
}

/** Computes once for the initialisers that come of it, and lets go when each has been read. */
function once<T>(compute: () => Promise<T>, readers: number): (reader: string) => Promise<T> {
  let computed: Promise<T> | undefined;
  const read = new Set<string>();
  return (reader) => {
    computed ??= compute();
    const answer = computed;
    if (read.add(reader).size === readers) {
      computed = undefined;
      read.clear();
    }
    return answer;
  };
}

const host = (shape: readonly number[], data: Float32Array): HostTensor => ({ dtype: 'float32', shape, data });

const bytesOf = ({ buffer, byteOffset, byteLength }: Float32Array | Int8Array | Uint8Array): Uint8Array =>
  new Uint8Array(buffer, byteOffset, byteLength);
