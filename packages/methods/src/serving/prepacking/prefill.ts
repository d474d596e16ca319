/**
 * Prepacking itself (arXiv 2404.09529): a batch of prompts in as few rows as they fit, one forward pass with restarted positions and
 * attention that stays within each prompt, and the caches cut out again, exactly as if each prompt had been prefilled alone.
 */
import type { CacheEntries, DecoderModel, EncoderModel } from '@working-papers/models';
import { packTogether } from './batches.ts';
import { type LayoutOptions, layIds, layOut, places } from './layout.ts';
import { type Packing, type Plan, pairsOf, segmentsOf } from './packing.ts';
import type { Attention } from './parameters.ts';

export interface PrefillOptions {
  packing?: Packing;
  /** Row capacity as a multiple of the longest prompt; 1 is the paper. */
  capacityFactor?: number;
  /** Splits the rows into several passes so that none has more slots than this. */
  maxTokensPerBatch?: number;
  /** Default: what `attentionFor` expects to be faster, pass by pass. */
  attention?: Attention;
  signal?: AbortSignal;
}

export interface Prefilled {
  /** One a prompt, in the prompts' order: its keys and values up to but without its last token; undefined for a prompt of one token. */
  caches: (CacheEntries | undefined)[];
  plan: Plan;
}

/** Prefills prompts of ids `[prompts][tokens]`, the last token of each held back: cache and that token are what a decode step wants. */
export async function prepackPrefill(
  model: DecoderModel,
  prompts: readonly (readonly number[])[],
  options: PrefillOptions = {},
): Promise<Prefilled> {
  checkPrompts(model, prompts);
  const prefixes = prompts.map((ids) => ids.slice(0, -1));
  const plan = await packAll(prefixes, options);
  const caches = new Array<CacheEntries | undefined>(prompts.length).fill(undefined);
  for (const part of splitRows(plan, options.maxTokensPerBatch))
    for (const [prompt, entries] of await prefillPlan(model, part, prefixes, options)) caches[prompt] = entries;
  return { caches, plan };
}

const packAll = (ids: readonly (readonly number[])[], { packing = 'bfd', capacityFactor = 1 }: PrefillOptions) => {
  const lengths = ids.map((prompt) => prompt.length);
  return packTogether(
    lengths,
    lengths.map((_, prompt) => prompt),
    { packing, capacityFactor },
  );
};

/**
 * How a plan's attention is computed: as asked, or, for 'auto', whichever is expected to be faster from its pairs of tokens and its
 * segments. A row of more prompts than a pass takes segments is dense.
 */
export function attentionFor(plan: Plan, asked: Attention = 'auto'): 'dense' | 'segments' {
  if (asked !== 'auto') return asked;
  const segments = segmentsOf(plan).length;
  if (plan.rows.some(({ prompts }) => prompts.length > mostSegments)) return 'dense';
  const bySegments = fusedPair * pairsOf(plan, 'segments') + segmentPairs * Math.max(leastSegments, segments);
  return bySegments < pairsOf(plan, 'dense') ? 'segments' : 'dense';
}

/** Segments of a pass at most, and at least: its program computes so many, whether they are used or not. See `DenseInput`. */
const [leastSegments, mostSegments] = [16, 256];
/**
 * What a pair costs in the fused kernel of a segment against one under a mask, and what a segment costs, in pairs under a mask: fitted
 * to the 17 plans of stage 'attention' (SmolLM2 in fp32, two AMD EPYC cores with AVX2). In a second run of it the rule picked the faster
 * for 15 of them; the other two lay within 8 %.
 */
const [fusedPair, segmentPairs] = [0.55, 2200];

export interface PassOptions {
  attention?: Attention;
  /** A negative control, which is a matter of the dense mask: only for dense attention. */
  without?: LayoutOptions['without'];
  signal?: AbortSignal;
}

/** A forward pass over a plan: prompt -> its keys and values. Packed or padded, the same kernels. */
export async function prefillPlan(
  model: DecoderModel,
  plan: Plan,
  prefixes: readonly (readonly number[])[],
  { attention: asked, without, signal }: PassOptions = {},
): Promise<Map<number, CacheEntries>> {
  const attention = without ? 'dense' : attentionFor(plan, asked);
  const caches = new Map<number, CacheEntries>();
  for (const part of partsOf(plan, attention)) {
    const output = await model.dense({
      ...inputOf(part, prefixes, attention, model, { causal: true, without }),
      signal,
    });
    try {
      for (const [prompt, { row, start, end }] of places(part)) caches.set(prompt, output.entries(row, start, end));
    } finally {
      output.release();
    }
  }
  return caches;
}

function inputOf(
  plan: Plan,
  prompts: readonly (readonly number[])[],
  attention: 'dense' | 'segments',
  model: DecoderModel | EncoderModel,
  options: Omit<LayoutOptions, 'padId'>,
) {
  const padId = model.tokenizer.padId ?? 0;
  return attention === 'dense'
    ? layOut(plan, prompts, { ...options, padId })
    : { ids: layIds(plan, prompts, padId), segments: segmentsOf(plan) };
}

/** Mean-pooled embeddings `[dimensions]` of texts of ids (special tokens included), scaled to length 1: prompt -> embedding. */
export async function encodePlan(
  model: EncoderModel,
  plan: Plan,
  texts: readonly (readonly number[])[],
  { attention: asked, signal }: Omit<PassOptions, 'without'> = {},
): Promise<Map<number, Float32Array>> {
  if (model.pooling !== 'mean')
    throw new Error(
      `Packed embeddings are mean-pooled; this encoder pools by ${model.pooling}. Choose an encoder with mean pooling.`,
    );
  // An encoder sees padding where nothing masks it, so a padded row's segment would not be its text.
  const attention = plan.packing === 'none' && plan.fill < 1 ? 'dense' : attentionFor(plan, asked);
  const embeddings = new Map<number, Float32Array>();
  for (const part of partsOf(plan, attention)) {
    const { hidden, shape } = await model.hidden({
      ...inputOf(part, texts, attention, model, { causal: false }),
      signal,
    });
    const [, width, dimensions] = shape;
    for (const [prompt, { row, start, end }] of places(part)) {
      const first = (row * width + start) * dimensions;
      embeddings.set(prompt, meanOf(hidden.subarray(first, first + (end - start) * dimensions), dimensions));
    }
  }
  return embeddings;
}

/** The mean of vectors `[count, dimensions]`, scaled to length 1. */
function meanOf(vectors: Float32Array, dimensions: number): Float32Array {
  const count = vectors.length / dimensions;
  const mean = new Float32Array(dimensions);
  for (let at = 0; at < vectors.length; at += dimensions)
    for (let d = 0; d < dimensions; d++) mean[d]! += vectors[at + d]! / count;
  const norm = Math.hypot(...mean);
  for (let d = 0; d < dimensions; d++) mean[d]! /= norm;
  return mean;
}

/**
 * Texts packed into rows and embedded: one embedding `[dimensions]` a text, as `model.embed` gives them one by one. Texts are ids
 * with their special tokens, at most the model's window long.
 */
export async function prepackEncode(
  model: EncoderModel,
  texts: readonly (readonly number[])[],
  options: PrefillOptions = {},
): Promise<{ embeddings: Float32Array[]; plan: Plan }> {
  checkPrompts(model, texts);
  const plan = await packAll(texts, options);
  const embeddings = new Array<Float32Array>(texts.length);
  for (const part of splitRows(plan, options.maxTokensPerBatch))
    for (const [text, embedding] of await encodePlan(model, part, texts, options)) embeddings[text] = embedding;
  return { embeddings, plan };
}

/**
 * Greedy tokens of every prompt from its cache and held-back last token, `[prompts][count]`: rows of different length in one batch,
 * one step for all of them at a time.
 */
export async function continueGreedily(
  model: DecoderModel,
  prompts: readonly (readonly number[])[],
  caches: readonly (CacheEntries | undefined)[],
  count: number,
  signal?: AbortSignal,
): Promise<number[][]> {
  const capacity = Math.max(...prompts.map((ids) => ids.length)) + count;
  const cache = model.createCache(capacity, prompts.length);
  try {
    caches.forEach((entries, row) => {
      if (entries) cache.load(row, entries);
    });
    const tokens = prompts.map(() => [] as number[]);
    let next = prompts.map((ids) => ids.at(-1)!);
    for (let step = 0; step < count; step++) {
      next = [...(await model.step(cache, next, { signal })).ids];
      next.forEach((id, row) => {
        tokens[row]!.push(id);
      });
    }
    return tokens;
  } finally {
    cache.release();
  }
}

function checkPrompts(model: DecoderModel | EncoderModel, prompts: readonly (readonly number[])[]): void {
  if (prompts.length === 0) throw new RangeError('There are no prompts. Give at least one.');
  prompts.forEach((ids, index) => {
    if (ids.length === 0)
      throw new RangeError(`Prompt ${index + 1} is empty. Remove it or give it at least one token.`);
    if (ids.length > model.contextLength)
      throw new RangeError(
        `Prompt ${index + 1} has ${ids.length} tokens and ${model.reference} takes ${model.contextLength}. Shorten it or leave it out.`,
      );
  });
}

function splitRows(plan: Plan, maxTokens = Number.POSITIVE_INFINITY): Plan[] {
  const rows = Math.max(1, Math.floor(maxTokens / Math.max(1, plan.width)));
  if (rows >= plan.rows.length) return plan.rows.length > 0 ? [plan] : [];
  const parts: Plan[] = [];
  for (let at = 0; at < plan.rows.length; at += rows) parts.push({ ...plan, rows: plan.rows.slice(at, at + rows) });
  return parts;
}

/** The passes that a plan takes. */
function partsOf(plan: Plan, attention: 'dense' | 'segments'): Plan[] {
  if (plan.rows.length === 0) return [];
  return attention === 'dense' ? [plan] : splitSegments(plan);
}

/** Parts of a plan's rows of at most so many segments as a pass takes. */
function splitSegments(plan: Plan): Plan[] {
  const parts: Plan[] = [];
  let rows: Plan['rows'] = [];
  let segments = 0;
  for (const [index, row] of plan.rows.entries()) {
    const count = plan.packing === 'none' ? 1 : row.prompts.length;
    if (count > mostSegments)
      throw new RangeError(
        `Row ${index + 1} holds ${count} prompts; attention by segments takes at most ${mostSegments}. Choose dense attention or a smaller capacity factor.`,
      );
    if (segments + count > mostSegments) {
      parts.push({ ...plan, rows });
      rows = [];
      segments = 0;
    }
    rows.push(row);
    segments += count;
  }
  return rows.length > 0 ? [...parts, { ...plan, rows }] : parts;
}
