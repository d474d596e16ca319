import type { ModelConfig } from '../formats/types.ts';
import type { RotatedStream } from '../weights/int8-source.ts';
import { Rotation } from '../weights/rotation.ts';

const head = 'lm_head.weight';
const reading = /^(model\.layers\.\d+)\.(?:self_attn\.[qkv]_proj|(mlp)\.(?:gate|up)_proj)\.weight$/;
const writing = /^model\.layers\.\d+\.(self_attn\.o_proj|mlp\.down_proj)\.(weight|bias)$/;
const gains = /^model\.(layers\.\d+\.(input|post_attention)_layernorm|norm)\.weight$/;

/**
 * A Llama-type model with its residual stream rotated (QuaRot, arXiv 2404.00456, section 4): the gains of its norms go into the
 * products after them, so that the norms commute with a rotation, which goes into what reads and what writes the stream. A tied
 * head becomes a product of its own: build with the configuration given here.
 */
export function rotatedLlama(
  config: ModelConfig,
  tensors: { has(name: string): boolean },
): { config: ModelConfig; stream: RotatedStream } {
  const tied = config.tie_word_embeddings || !tensors.has(head);
  return {
    config: { ...config, tie_word_embeddings: false },
    stream: {
      rotation: new Rotation(config.hidden_size),
      nameOf: (name) => (tied && name === head ? 'model.embed_tokens.weight' : name),
      gainBefore(name) {
        if (name === head) return 'model.norm.weight';
        const [, layer, mlp] = reading.exec(name) ?? [];
        return layer && `${layer}.${mlp ? 'post_attention' : 'input'}_layernorm.weight`;
      },
      writes: (name) => writing.test(name),
      isGain: (name) => gains.test(name),
    },
  };
}
