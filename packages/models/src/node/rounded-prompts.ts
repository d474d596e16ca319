/** What `weights: 'int8'` means: prompts in 8-bit integers, proved on the model before it is handed out. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { processorKind } from '@working-papers/runtime/node';
import { forwardInputs } from '../activations/taps.ts';
import { architectureOf } from '../architectures/index.ts';
import { isLlama } from '../architectures/llama-config.ts';
import { rotatedLlama } from '../architectures/llama-rotation.ts';
import { createEncoder } from '../embedding/encoder.ts';
import { readJson } from '../formats/node/json-file.ts';
import type { Checkpoint, ModelConfig } from '../formats/types.ts';
import {
  holds,
  proveDecoder,
  proveEncoder,
  type RoundingProof,
  randomTexts,
  sampleTexts,
  sentenceOf,
} from '../generation/rounding-proof.ts';
import type { Stepper } from '../generation/types.ts';
import type { ModelFacts, PromptGraph } from '../model-facts.ts';
import type { Progress } from '../references/types.ts';
import type { Model, UnroundedWeights } from '../types.ts';
import { WatchedInputs } from '../weights/input-means.ts';
import { Int8Source } from '../weights/int8-source.ts';
import { writeWhole } from './write-whole.ts';

/** Raised when the rounding itself changes, so that old records are not believed. */
const version = 4;

/**
 * Measured on two cores of either kind (bench/README.md): with int8 instructions pieces that stay in the caches are faster, without
 * them the products take so long that fewer nodes count for more.
 */
const paces = { exact: { chunk: 256, fromRows: 8 }, saturating: { chunk: 512, fromRows: 9 } } as const;

/** What single steps, and those who look in, compute with beside int8 prompts. */
export function unroundedWeights(config: ModelConfig, preferred: UnroundedWeights): UnroundedWeights {
  if (architectureOf(config).kind === 'encoder') return 'fp32';
  return preferred === 'fp32' ? 'q8' : preferred;
}

export interface RoundedOptions {
  cacheFolder: string;
  threads?: number | undefined;
  signal?: AbortSignal | undefined;
  onProgress?: ((progress: Progress) => void) | undefined;
}

/** What was measured of a model once. */
interface RoundingRecord {
  /** Means of the inputs of products, 32-bit floats in base64, and the weights that each is multiplied with. */
  inputs: { products: string[]; mean: string }[];
  proof?: RoundingProof;
}

/** The int8 prompts of one model: what they are computed with, and what that costs. */
export class RoundedPrompts {
  private source: Int8Source | undefined;
  private record: RoundingRecord | undefined;
  private readonly facts: ModelFacts;
  private readonly checkpoint: Pick<Checkpoint, 'tensors' | 'pooling' | 'maxSequenceLength'>;
  private readonly options: RoundedOptions;

  /** Throws a sentence for kinds of models that have none. */
  constructor(
    facts: ModelFacts,
    checkpoint: Pick<Checkpoint, 'tensors' | 'pooling' | 'maxSequenceLength'>,
    options: RoundedOptions,
  ) {
    const { kind } = architectureOf(facts.config);
    if (kind !== 'decoder' && kind !== 'encoder') {
      throw new Error(
        `Weights 'int8' are for decoders and encoders of text; '${facts.config.model_type}' is neither. Use 'fp32'.`,
      );
    }
    this.facts = facts;
    this.checkpoint = checkpoint;
    this.options = options;
  }

  get bytes(): number {
    return this.source?.bytes ?? 0;
  }

  /** Weights and configuration of the graph of prompts; a decoder samples with its steps what the inputs are usually like. */
  async prompt(steps?: Pick<Stepper, 'createCache' | 'step'>): Promise<PromptGraph> {
    const { config, runtime, graphWeights } = this.facts;
    const { tensors } = this.checkpoint;
    const rotated = isLlama(config) ? rotatedLlama(config, tensors) : { config };
    this.record = await this.kept();
    this.record ??= { inputs: await this.usualInputs(rotated, steps) };
    const { int8Products } = await processorKind();
    const form = int8Products === 'saturating' ? 'paired' : 'full';
    this.source = new Int8Source(tensors, graphWeights, {
      ...rotated,
      runtime,
      means: meansOf(this.record),
      formOf: () => form,
    });
    return { config: rotated.config, weights: this.source, pace: paces[int8Products] };
  }

  /** What the rounding costs, as a sentence: measured now, or before. Throws a sentence where it costs more than its limit. */
  async prove(model: Model): Promise<string> {
    const record = this.record!;
    if (!record.proof) {
      this.say(`Measuring what int8 costs on ${this.facts.reference}`);
      record.proof = await this.measured(model);
      await this.keep(record);
    }
    const { proof } = record;
    if (holds(proof)) return sentenceOf(proof);
    throw new Error(`${this.facts.reference} does not bear int8 weights: ${sentenceOf(proof)} Use 'q8' or 'fp32'.`);
  }

  release(): void {
    this.source?.release();
  }

  private async usualInputs(
    { config, stream }: { config: ModelConfig } & Partial<ReturnType<typeof rotatedLlama>>,
    steps: Pick<Stepper, 'createCache' | 'step'> | undefined,
  ): Promise<RoundingRecord['inputs']> {
    const { graphWeights, reference } = this.facts;
    const { signal } = this.options;
    this.say(`Reading what the products of ${reference} are usually given`);
    const sizes = { vocabulary: config.vocab_size, contextLength: this.contextLength };
    const texts = steps
      ? (await sampleTexts(steps, sizes, 1, signal)).map(({ ids }) => ids.slice(0, -1))
      : randomTexts(sizes, 1);
    const watched = new WatchedInputs(graphWeights, stream);
    architectureOf(config).forward(config, watched, forwardInputs(['ids']), {});
    const names = [...watched.means.keys()];
    // What is computed once must not leave its packed weights with those of the model.
    const runtime = this.facts.runtime.sharing();
    try {
      const program = await runtime.compile(
        Object.fromEntries(names.map((name) => [`mean:${name}`, watched.means.get(name)!])),
        { threads: this.options.threads, signal, label: `${reference} usual inputs` },
      );
      const shape = [texts.length, texts[0]!.length];
      const data = BigInt64Array.from(texts.flat(), BigInt);
      const answer = await program.run({ ids: { dtype: 'int64', shape, data } }, { signal });
      return names.map((name) => ({
        products: watched.products.get(name)!,
        mean: base64Of(answer[`mean:${name}`]!.data as Float32Array),
      }));
    } finally {
      runtime.close();
    }
  }

  private get contextLength(): number {
    const { config } = this.facts;
    return architectureOf(config).facts(config).contextLength;
  }

  private async measured(model: Model): Promise<RoundingProof> {
    const { threads, signal } = this.options;
    const { prompt: _, ...facts } = this.facts;
    const vocabulary = facts.config.vocab_size;
    if (model.kind === 'decoder') return proveDecoder({ ...model, vocabulary }, { signal });
    if (model.kind !== 'encoder') throw new Error(`There is no proof for a model of kind '${model.kind}'.`);
    const { pooling = 'mean', maxSequenceLength } = this.checkpoint;
    const runtime = facts.runtime.sharing();
    try {
      const unrounded = await createEncoder(
        { ...facts, runtime, close: () => {} },
        { pooling, maxSequenceLength, threads, signal },
      );
      return await proveEncoder({ ...model, vocabulary }, unrounded, { signal });
    } finally {
      runtime.close();
    }
  }

  private async file(): Promise<string> {
    const { int8Products } = await processorKind();
    return join(this.options.cacheFolder, 'int8', `${this.facts.sha256}-${int8Products}-${version}.json`);
  }

  private async kept(): Promise<RoundingRecord | undefined> {
    return recordOf(await readJson(await this.file()).catch(() => undefined));
  }

  /** A cache that cannot be written costs time, nothing else. */
  private async keep(record: RoundingRecord): Promise<void> {
    const file = await this.file();
    await mkdir(join(this.options.cacheFolder, 'int8'), { recursive: true })
      .then(() => writeWhole(file, piecesOf(JSON.stringify(record))))
      .catch(() => {});
  }

  private say(message: string): void {
    this.options.onProgress?.({ phase: 'compile', done: 0, total: 1, message });
  }
}

async function* piecesOf(text: string): AsyncGenerator<Uint8Array> {
  yield new TextEncoder().encode(text);
}

const base64Of = ({ buffer, byteOffset, byteLength }: Float32Array): string =>
  Buffer.from(buffer, byteOffset, byteLength).toString('base64');

/** Means by weight; what is not finite is left out. */
function meansOf({ inputs }: RoundingRecord): Map<string, Float32Array> {
  const means = new Map<string, Float32Array>();
  for (const { products, mean } of inputs) {
    const bytes = new Uint8Array(Buffer.from(mean, 'base64'));
    const values = new Float32Array(bytes.buffer, 0, bytes.length >> 2);
    if (values.every(Number.isFinite)) for (const name of products) means.set(name, values);
  }
  return means;
}

/** A record out of a file, if it is one. */
function recordOf(value: unknown): RoundingRecord | undefined {
  const { inputs, proof } = (value ?? {}) as Partial<RoundingRecord>;
  const isInput = ({ products, mean }: Partial<RoundingRecord['inputs'][number]>) =>
    Array.isArray(products) && products.every((name) => typeof name === 'string') && typeof mean === 'string';
  if (!Array.isArray(inputs) || !inputs.every((each) => isInput(each ?? {}))) return undefined;
  if (typeof proof !== 'object' || (proof.measure !== 'divergence' && proof.measure !== 'cosine')) return undefined;
  const numbers = [proof.value, proof.count];
  return numbers.every(Number.isFinite) ? { inputs, proof } : undefined;
}
