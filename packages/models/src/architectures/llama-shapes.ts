import type { ModelConfig } from '../formats/types.ts';
import { llamaConfig } from './llama-config.ts';

/** Names and shapes of a Llama-type model's weights, as Hugging Face's files have them: what a model from scratch begins with. */
export function llamaShapes(modelConfig: ModelConfig): Map<string, readonly number[]> {
  const config = llamaConfig(modelConfig);
  const { hidden, intermediate, heads, kvHeads, headDim, vocabulary } = config;
  const type = modelConfig.model_type;
  const shapes = new Map<string, readonly number[]>([['model.embed_tokens.weight', [vocabulary, hidden]]]);
  const product = (name: string, rows: number, columns: number, biased: boolean) => {
    shapes.set(`${name}.weight`, [rows, columns]);
    if (biased) shapes.set(`${name}.bias`, [rows]);
  };
  const attentionBias = modelConfig.attention_bias === true;
  for (let layer = 0; layer < config.layers; layer++) {
    const prefix = `model.layers.${layer}`;
    const attention = `${prefix}.self_attn`;
    shapes.set(`${prefix}.input_layernorm.weight`, [hidden]);
    product(`${attention}.q_proj`, heads * headDim, hidden, attentionBias || type === 'qwen2');
    product(`${attention}.k_proj`, kvHeads * headDim, hidden, attentionBias || type === 'qwen2');
    product(`${attention}.v_proj`, kvHeads * headDim, hidden, attentionBias || type === 'qwen2');
    product(`${attention}.o_proj`, hidden, heads * headDim, attentionBias);
    if (type === 'qwen3') for (const name of ['q_norm', 'k_norm']) shapes.set(`${attention}.${name}.weight`, [headDim]);
    shapes.set(`${prefix}.post_attention_layernorm.weight`, [hidden]);
    const mlpBias = modelConfig.mlp_bias === true;
    product(`${prefix}.mlp.gate_proj`, intermediate, hidden, mlpBias);
    product(`${prefix}.mlp.up_proj`, intermediate, hidden, mlpBias);
    product(`${prefix}.mlp.down_proj`, hidden, intermediate, mlpBias);
  }
  shapes.set('model.norm.weight', [hidden]);
  if (!config.tiedHead) shapes.set('lm_head.weight', [vocabulary, hidden]);
  return shapes;
}
