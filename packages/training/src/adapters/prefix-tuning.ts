import { add, range, reshape, split, type Tensor, transpose, unsqueeze } from '@working-papers/graph';
import { type Decoder, type LayerPrefix, prefixAttention } from '@working-papers/models';
import { prefixWidth } from './create-prompt.ts';
import { valuesOf } from './lora-weights.ts';
import { promptEmbeddings } from './prompt-tensor.ts';
import type { PrefixAdapter, TensorOf } from './types.ts';

/**
 * A decoder whose every layer has keys and values of a prefix before those of a whole sequence. Positions that it is given count the text's own
 * tokens from 0 on; masks are of the text alone, and all that comes out is. `tensor` stands for the prefix: an input where it is
 * trained. Throws a sentence over a cache, into which `prefixEntries` are loaded instead, and beside another part for attention.
 */
export function prefixTuned(build: Decoder, adapter: PrefixAdapter, tensor: TensorOf = valuesOf(adapter)): Decoder {
  const { tokens } = adapter;
  return (config, weights, given) => {
    if (given.parts?.attention) {
      throw new Error(
        'A prefix is a part for attention itself (prefixAttention), and another one was given. Take one of the two.',
      );
    }
    const embedded = given.ids ?? given.inputsEmbeds;
    const positions = given.positions ?? (embedded && unsqueeze(range(0, embedded.shape[1]!), [0]));
    return build(config, weights, {
      ...given,
      ...(positions ? { positions: add(positions, tokens) } : {}),
      parts: { ...given.parts, attention: prefixAttention(layerPrefixes(adapter, tensor)) },
    });
  };
}

/** Of each layer key and value `[1, kvHeads, tokens, headDim]`, from the layout of the file. */
function layerPrefixes(adapter: PrefixAdapter, tensor: TensorOf): LayerPrefix[] {
  const { tokens, layers, kvHeads, headDim } = adapter;
  const flat = tensor(promptEmbeddings, [tokens, prefixWidth(adapter)]);
  const apart = transpose(reshape(flat, [tokens, 2 * layers, kvHeads, headDim]), [1, 2, 0, 3]);
  const each: Tensor[] = split(apart, 2 * layers, 0); // [1, kvHeads, tokens, headDim]
  return Array.from({ length: layers }, (_, layer) => ({ key: each[2 * layer]!, value: each[2 * layer + 1]! }));
}
