import {
  add,
  and,
  concat,
  constant,
  dimensionOf,
  div,
  expand,
  greater,
  less,
  mul,
  pad,
  range,
  slice,
  type Tensor,
  unsqueeze,
  where,
} from '@working-papers/graph';
import { type Decoder, forbidden, type WeightSource } from '@working-papers/models';
import { valuesOf } from './lora-weights.ts';
import { promptEmbeddings } from './prompt-tensor.ts';
import type { PromptAdapter, TensorOf } from './types.ts';

/**
 * A decoder that reads virtual tokens before every row of a whole sequence. Ids, positions (from 0 on), mask and places of logits that it
 * is given are those of the text, and so are the logits and hidden states that it answers with; its keys, values and activations
 * are of the virtual tokens and the text. `tensor` stands for the embeddings: an input where they are trained. Throws a sentence
 * over a cache, into which `promptEntries` are loaded instead, and without ids.
 */
export function promptTuned(build: Decoder, adapter: PromptAdapter, tensor: TensorOf = valuesOf(adapter)): Decoder {
  const { tokens, hidden } = adapter;
  return (config, weights, given) => {
    const { ids, positions, mask, logitsAt = 'all' } = given;
    if (given.cache || given.slots) {
      throw new Error(
        'Virtual tokens stand before a whole sequence; load their entries into the cache (promptEntries) instead.',
      );
    }
    if (!ids) throw new Error('Virtual tokens are put before the embeddings of ids; the graph was given none.');
    const prompt = unsqueeze(tensor(promptEmbeddings, [tokens, hidden]), [0]); // [1, tokens, hidden]
    const output = build(config, weightsWithPrompt(weights, prompt), {
      ...given,
      positions: positionsWithPrompt(positions ?? unsqueeze(range(0, ids.shape[1]!), [0]), tokens),
      ...(mask ? { mask: maskWithPrompt(mask, tokens) } : {}),
      ...(typeof logitsAt === 'object' ? { logitsAt: placesBehindPrompt(logitsAt, ids, tokens) } : {}),
    });
    const behind = (x: Tensor) => slice(x, 1, tokens);
    return {
      ...output,
      logits: logitsAt === 'all' ? behind(output.logits) : output.logits,
      // Already cut to the places that were asked for, [wanted, hidden].
      hidden: output.hidden.shape.length === 2 ? output.hidden : behind(output.hidden),
    };
  };
}

/** Weights whose looked-up embeddings have the prompt `[1, tokens, hidden]` before them: `[rows, tokens + sequence, hidden]`. */
const weightsWithPrompt = (weights: WeightSource, prompt: Tensor): WeightSource => ({
  weights: weights.weights,
  get bytes() {
    return weights.bytes;
  },
  has: (name) => weights.has(name),
  get: (name, shape) => weights.get(name, shape),
  linear: (x, names, bias, options) => weights.linear(x, names, bias, options),
  apart: (x, names, bias) => weights.apart(x, names, bias),
  embedding(ids, name, count) {
    const own = weights.embedding(ids, name, count);
    return concat([expand(prompt, [own.shape[0]!, prompt.shape[1]!, prompt.shape[2]!]), own], 1);
  },
});

/** 0, 1, ... for the virtual tokens and the text's own, moved on, for the text: `[rows, tokens + sequence]`. */
function positionsWithPrompt(positions: Tensor, tokens: number): Tensor {
  const front = unsqueeze(range(0, tokens), [0]);
  return concat([expand(front, [positions.shape[0]!, tokens]), add(positions, tokens)], 1);
}

/** A mask of the text for virtual tokens and text: every token of the text sees the virtual ones, which are causal among themselves and see no text. */
function maskWithPrompt(mask: Tensor, tokens: number): Tensor {
  const front = mask.shape.map((_, axis): [number, number] => [axis >= mask.shape.length - 2 ? tokens : 0, 0]);
  const padded = pad(mask, front);
  const places = range(0, padded.shape.at(-1)!);
  const [query, key] = [unsqueeze(places, [1]), unsqueeze(places, [0])];
  const later = and(less(query, tokens), greater(key, query));
  return add(padded, where(later, constant(forbidden, 'float32'), constant(0, 'float32')));
}

/** Places row * sequence + token of the text as those of rows that begin with the prompt. */
function placesBehindPrompt(at: Tensor, ids: Tensor, tokens: number): Tensor {
  const row = div(at, dimensionOf(ids, 1));
  return add(at, mul(add(row, 1), tokens));
}
