import { range, unsqueeze } from '@working-papers/graph';
import { type CacheEntries, type DecoderModel, decoderOf } from '@working-papers/models';
import { valuesOf } from './lora-weights.ts';
import { promptEmbeddings } from './prompt-tensor.ts';
import type { PrefixAdapter, PromptAdapter } from './types.ts';

/** A prefix as the beginning of a cache: `cache.load(row, prefixEntries(adapter))`, and the text goes on behind it. */
export function prefixEntries(adapter: PrefixAdapter): CacheEntries {
  const { tokens, layers, kvHeads, headDim } = adapter;
  const { values } = adapter.tensors.get(promptEmbeddings)!;
  const of = (part: number): Float32Array => {
    const entries = new Float32Array(kvHeads * tokens * headDim);
    for (let token = 0; token < tokens; token++) {
      for (let head = 0; head < kvHeads; head++) {
        const from = ((token * 2 * layers + part) * kvHeads + head) * headDim;
        entries.set(values.subarray(from, from + headDim), (head * tokens + token) * headDim);
      }
    }
    return entries;
  };
  const each = Array.from({ length: layers }, (_, layer) => layer);
  return { sequence: tokens, keys: each.map((layer) => of(2 * layer)), values: each.map((layer) => of(2 * layer + 1)) };
}

/** Virtual tokens as the beginning of a cache: their keys and values in a model, computed once. */
export async function promptEntries(
  { config, graphWeights, runtime }: Pick<DecoderModel, 'config' | 'graphWeights' | 'runtime'>,
  adapter: PromptAdapter,
  options: { signal?: AbortSignal } = {},
): Promise<CacheEntries> {
  const { tokens, hidden } = adapter;
  const output = decoderOf(config).build(config, graphWeights, {
    inputsEmbeds: unsqueeze(valuesOf(adapter)(promptEmbeddings, [tokens, hidden]), [0]),
    positions: unsqueeze(range(0, tokens), [0]),
  });
  const named = (kind: 'keys' | 'values') => output[kind].map((tensor, layer) => [`${kind}.${layer}`, tensor] as const);
  const program = await runtime.compile(Object.fromEntries([...named('keys'), ...named('values')]), options);
  try {
    const answer = await program.run({}, options);
    const read = (kind: 'keys' | 'values') =>
      output[kind].map((_, layer) => answer[`${kind}.${layer}`]!.data as Float32Array);
    return { sequence: tokens, keys: read('keys'), values: read('values') };
  } finally {
    program.release();
  }
}
