import { input, type Tensor } from '@working-papers/graph';
import type { HostTensor, Program, ProgramOptions, Runtime } from '@working-papers/runtime';
import pLimit from 'p-limit';
import type { VisionConfig } from '../architectures/patches.ts';
import { preprocess } from '../images/preprocess.ts';
import type { Pixels, Preprocessing } from '../images/types.ts';
import type { ImageInput, ImageOptions } from '../types.ts';

export interface SeeingOptions {
  preprocessing: Preprocessing;
  threads?: number | undefined;
  signal?: AbortSignal | undefined;
}

/** Programs over images, one for each of some outputs; of each the one for the latest size of images is kept. */
export class ImagePrograms {
  private readonly kept = new Map<string, { size: string; program: Promise<Program> }>();
  private readonly runtime: Runtime;
  private readonly config: VisionConfig;
  private readonly build: (pixels: Tensor) => Record<string, Tensor>;
  private readonly options: ProgramOptions;
  /** Runs take turns, so that none loses its program to another size of images. */
  private readonly turn = pLimit(1);

  constructor(
    runtime: Runtime,
    config: VisionConfig,
    build: (pixels: Tensor) => Record<string, Tensor>,
    options: ProgramOptions,
  ) {
    this.runtime = runtime;
    this.config = config;
    this.build = build;
    this.options = options;
  }

  /** The program that answers with these outputs for images of this size. */
  compile(
    outputs: readonly string[],
    [height, width]: readonly [number, number],
    signal?: AbortSignal,
  ): Promise<Program> {
    const [name, size] = [outputs.join(), `${height} x ${width}`];
    const known = this.kept.get(name);
    if (known?.size === size) return known.program;
    known?.program.then((program) => program.release()).catch(() => {});
    const pixels = input('pixels', 'float32', ['images', this.config.channels, height, width]);
    const made = this.build(pixels);
    const program = this.runtime.compile(Object.fromEntries(outputs.map((output) => [output, made[output]!])), {
      ...this.options,
      ...(signal ? { signal } : {}),
    });
    this.kept.set(name, { size, program });
    program.catch(() => {
      if (this.kept.get(name)?.program === program) this.kept.delete(name);
    });
    return program;
  }

  /** Runs batch after batch; `take` sees the outputs of each, whose first image is number `first`. */
  run(
    outputs: readonly string[],
    images: ImageInput,
    preprocessing: Preprocessing,
    options: ImageOptions,
    take: (answer: Record<string, HostTensor>, first: number) => void,
  ): Promise<void> {
    return this.turn(() => this.runBatches(outputs, images, preprocessing, options, take));
  }

  private async runBatches(
    outputs: readonly string[],
    images: ImageInput,
    preprocessing: Preprocessing,
    { batchSize = 8, signal, onProgress }: ImageOptions,
    take: (answer: Record<string, HostTensor>, first: number) => void,
  ): Promise<void> {
    if (!Number.isInteger(batchSize) || batchSize < 1)
      throw new Error(`batchSize must be at least 1; got ${batchSize}.`);
    const total = 'shape' in images ? checked(images).shape[0]! : images.length;
    for (let first = 0; first < total; first += batchSize) {
      signal?.throwIfAborted();
      const pixels = batchOf(images, first, Math.min(total, first + batchSize), preprocessing);
      const [, channels, height, width] = pixels.shape as [number, number, number, number];
      if (channels !== this.config.channels) {
        throw new Error(`The model looks at images of ${this.config.channels} channels; got ${channels}.`);
      }
      const program = await this.compile(outputs, [height, width], signal);
      const answer = await program.run({ pixels: { dtype: 'float32', ...pixels } }, signal ? { signal } : {});
      take(answer, first);
      onProgress?.({ done: Math.min(total, first + batchSize), total });
    }
  }

  release(): void {
    for (const { program } of this.kept.values()) program.then((made) => made.release()).catch(() => {});
    this.kept.clear();
  }
}

function checked(pixels: Pixels): Pixels {
  const { shape, data } = pixels;
  if (shape.length === 4 && shape.reduce((product, size) => product * size, 1) === data.length) return pixels;
  throw new Error(
    `Pixels are [images, channels, height, width]; got [${shape.join(', ')}] with ${data.length} numbers.`,
  );
}

function batchOf(images: ImageInput, first: number, end: number, preprocessing: Preprocessing): Pixels {
  if (!('shape' in images)) return preprocess(images.slice(first, end), preprocessing);
  const [, ...rest] = images.shape;
  const each = rest.reduce((product, size) => product * size, 1);
  return { shape: [end - first, ...rest], data: images.data.subarray(first * each, end * each) };
}

/** One row of an output a line: `[rows, width]` as vectors, in their own memory. */
export function rowsOf({ shape, data }: HostTensor): Float32Array[] {
  const [rows, width] = shape as [number, number];
  return Array.from({ length: rows }, (_, row) => (data as Float32Array).slice(row * width, (row + 1) * width));
}
