import type { ModelConfig } from '../formats/types.ts';
import { gpt2Config } from './gpt2-config.ts';

/** Names and shapes of a GPT-2's weights, as Hugging Face's files have them: what a model from scratch begins with. */
export function gpt2Shapes(modelConfig: ModelConfig): Map<string, readonly number[]> {
  const { hidden, intermediate, layers, vocabulary, contextLength, tiedHead } = gpt2Config(modelConfig);
  const shapes = new Map<string, readonly number[]>([
    ['transformer.wte.weight', [vocabulary, hidden]],
    ['transformer.wpe.weight', [contextLength, hidden]],
  ]);
  const norm = (name: string) => shapes.set(`${name}.weight`, [hidden]).set(`${name}.bias`, [hidden]);
  const product = (name: string, rows: number, columns: number) =>
    shapes.set(`${name}.weight`, [rows, columns]).set(`${name}.bias`, [columns]);
  for (let layer = 0; layer < layers; layer++) {
    const prefix = `transformer.h.${layer}`;
    norm(`${prefix}.ln_1`);
    product(`${prefix}.attn.c_attn`, hidden, 3 * hidden);
    product(`${prefix}.attn.c_proj`, hidden, hidden);
    norm(`${prefix}.ln_2`);
    product(`${prefix}.mlp.c_fc`, hidden, intermediate);
    product(`${prefix}.mlp.c_proj`, intermediate, hidden);
  }
  norm('transformer.ln_f');
  if (!tiedHead) shapes.set('lm_head.weight', [vocabulary, hidden]);
  return shapes;
}
