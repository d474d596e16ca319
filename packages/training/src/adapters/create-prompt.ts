import { decoderOf, dequantise } from '@working-papers/models';
import { normalValues } from '../initial-values.ts';
import { adaptableWeights } from './adaptable.ts';
import { taskTypeOf } from './module-names.ts';
import { checkTokens, promptEmbeddings } from './prompt-tensor.ts';
import type { BaseModel, PrefixAdapter, PromptAdapter } from './types.ts';

export interface PromptOptions {
  /** Virtual tokens; default as many as `from` has. */
  tokens?: number | undefined;
  /** Token ids whose embeddings the virtual tokens begin as, again from the first where they are fewer; default they are drawn, normal. */
  from?: readonly number[] | undefined;
}

/**
 * Virtual tokens for a decoder, before they are trained. Reads the table of embeddings where it begins from tokens. Throws a sentence for counts
 * and ids that cannot be, and for a model that is no decoder.
 */
export function createPrompt(
  model: BaseModel,
  { from, tokens = from?.length ?? 0 }: PromptOptions,
  seed = 0,
): PromptAdapter {
  const { layers, heads, hidden, vocabulary } = decoderOf(model.config).decoderConfig(model.config);
  checkTokens(tokens);
  const odd = from?.find((id) => !Number.isInteger(id) || id < 0 || id >= vocabulary);
  if (odd !== undefined) throw new Error(`${odd} is not a token id; the model's are from 0 to ${vocabulary - 1}.`);
  const values = from?.length
    ? embeddingsOf(
        model,
        Array.from({ length: tokens }, (_, token) => from[token % from.length]!),
        hidden,
      )
    : normalValues(seed, promptEmbeddings, tokens * hidden);
  const tensors = new Map([[promptEmbeddings, { shape: [tokens, hidden], values }]]);
  return { kind: 'prompt', taskType: taskTypeOf(model.config), tokens, layers, heads, hidden, tensors };
}

/** Keys and values for every layer of a decoder, before they are trained: drawn, normal, as in peft. */
export function createPrefix(model: BaseModel, { tokens }: { tokens: number }, seed = 0): PrefixAdapter {
  const { layers, kvHeads, headDim } = decoderOf(model.config).decoderConfig(model.config);
  checkTokens(tokens);
  const width = prefixWidth({ layers, kvHeads, headDim });
  const values = normalValues(seed, promptEmbeddings, tokens * width);
  const tensors = new Map([[promptEmbeddings, { shape: [tokens, width], values }]]);
  return { kind: 'prefix', taskType: taskTypeOf(model.config), tokens, layers, kvHeads, headDim, tensors };
}

/** Numbers of a prefix a token: a key and a value in every layer. */
export const prefixWidth = ({
  layers,
  kvHeads,
  headDim,
}: Pick<PrefixAdapter, 'layers' | 'kvHeads' | 'headDim'>): number => 2 * layers * kvHeads * headDim;

function embeddingsOf(model: BaseModel, ids: readonly number[], width: number): Float32Array {
  const { weight } = adaptableWeights(model).find(({ kind }) => kind === 'embedding')!;
  const table = model.tensors.get(weight)!;
  const numbers = dequantise(table.type, table.bytesSync(), table.count);
  const values = new Float32Array(ids.length * width);
  for (const [row, id] of ids.entries()) values.set(numbers.subarray(id * width, (id + 1) * width), row * width);
  return values;
}
