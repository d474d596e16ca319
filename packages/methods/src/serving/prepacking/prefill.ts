/**
 * Prepacking itself (arXiv 2404.09529): a batch of prompts in as few rows as they fit, one forward pass with restarted positions and
 * a block-diagonal mask, and the caches cut out again, exactly as if each prompt had been prefilled alone.
 */
import type { CacheEntries, DecoderModel, EncoderModel } from '@working-papers/models';
import { type LayoutOptions, layOut, places } from './layout.ts';
import { type Packing, type Plan, planPacking } from './packing.ts';

export interface PrefillOptions {
  packing?: Packing;
  /** Row capacity as a multiple of the longest prompt; 1 is the paper. */
  capacityFactor?: number;
  /** Splits the rows into several passes so that none has more slots than this. */
  maxTokensPerBatch?: number;
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
  const lengths = prefixes.map((ids) => ids.length);
  const longest = Math.max(0, ...lengths);
  const plan = planPacking(lengths, {
    packing: options.packing,
    capacity: Math.floor((options.capacityFactor ?? 1) * longest),
  });
  const caches = new Array<CacheEntries | undefined>(prompts.length).fill(undefined);
  for (const part of splitRows(plan, options.maxTokensPerBatch))
    for (const [prompt, entries] of await prefillPlan(model, part, prefixes, options)) caches[prompt] = entries;
  return { caches, plan };
}

/** One forward pass over a plan: prompt -> its keys and values. Packed or padded, the same kernels. */
export async function prefillPlan(
  model: DecoderModel,
  plan: Plan,
  prefixes: readonly (readonly number[])[],
  options: { signal?: AbortSignal; without?: LayoutOptions['without'] } = {},
): Promise<Map<number, CacheEntries>> {
  const layout = layOut(plan, prefixes, { causal: true, padId: padIdOf(model), without: options.without });
  const output = await model.dense({ ...layout, signal: options.signal });
  const caches = new Map<number, CacheEntries>();
  for (const [prompt, { row, start, end }] of places(plan)) caches.set(prompt, output.entries(row, start, end));
  return caches;
}

/** Mean-pooled embeddings `[dimensions]` of texts of ids (special tokens included), scaled to length 1: prompt -> embedding. */
export async function encodePlan(
  model: EncoderModel,
  plan: Plan,
  texts: readonly (readonly number[])[],
  options: { signal?: AbortSignal } = {},
): Promise<Map<number, Float32Array>> {
  if (model.pooling !== 'mean')
    throw new Error(
      `Packed embeddings are mean-pooled; this encoder pools by ${model.pooling}. Choose an encoder with mean pooling.`,
    );
  const layout = layOut(plan, texts, { causal: false, padId: padIdOf(model) });
  const { hidden, shape } = await model.hidden({ ...layout, signal: options.signal });
  const [, width, dimensions] = shape;
  const embeddings = new Map<number, Float32Array>();
  for (const [prompt, { row, start, end }] of places(plan)) {
    const embedding = new Float32Array(dimensions);
    for (let at = start; at < end; at++) {
      const token = (row * width + at) * dimensions;
      for (let d = 0; d < dimensions; d++) embedding[d]! += hidden[token + d]! / (end - start);
    }
    const norm = Math.hypot(...embedding);
    for (let d = 0; d < dimensions; d++) embedding[d]! /= norm;
    embeddings.set(prompt, embedding);
  }
  return embeddings;
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
  const lengths = texts.map((ids) => ids.length);
  const plan = planPacking(lengths, {
    packing: options.packing,
    capacity: Math.floor((options.capacityFactor ?? 1) * Math.max(0, ...lengths)),
  });
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

const padIdOf = (model: DecoderModel | EncoderModel) => model.tokenizer.padId ?? 0;
