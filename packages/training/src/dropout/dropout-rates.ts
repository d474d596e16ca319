import type { ModelConfig } from '@working-papers/models';
import type { DropoutRates } from './dropout-tap.ts';

/** Which field of a configuration says the rate of which activations, and the rate where the field is missing. */
type Fields = Readonly<Record<string, readonly [field: string, otherwise: number]>>;

const everywhere = (field: string, otherwise: number, places: readonly string[]): Fields =>
  Object.fromEntries(places.map((place) => [place, [field, otherwise]]));

const llama = everywhere('attention_dropout', 0, ['attention.probabilities']);
const bert: Fields = {
  ...everywhere('hidden_dropout_prob', 0.1, ['embedding', 'attention.output', 'mlp.output']),
  'attention.probabilities': ['attention_probs_dropout_prob', 0.1],
};
const vit: Fields = {
  ...everywhere('hidden_dropout_prob', 0, ['embedding', 'attention.output', 'mlp.output']),
  'attention.probabilities': ['attention_probs_dropout_prob', 0],
};

/** Where the models of transformers drop, by `model_type`. */
const families: Readonly<Record<string, Fields>> = {
  gpt2: {
    embedding: ['embd_pdrop', 0.1],
    'attention.probabilities': ['attn_pdrop', 0.1],
    ...everywhere('resid_pdrop', 0.1, ['attention.output', 'mlp.output']),
  },
  gpt_neox: {
    ...everywhere('hidden_dropout', 0, ['embedding', 'attention.output', 'mlp.output']),
    'attention.probabilities': ['attention_dropout', 0],
  },
  llama,
  mistral: llama,
  qwen2: llama,
  qwen3: llama,
  smollm3: llama,
  bert,
  roberta: bert,
  'xlm-roberta': bert,
  mpnet: bert,
  distilbert: {
    ...everywhere('dropout', 0.1, ['embedding', 'mlp.output']),
    'attention.probabilities': ['attention_dropout', 0.1],
  },
  vit,
  t5: everywhere('dropout_rate', 0.1, [
    'embedding',
    'attention.probabilities',
    'attention.output',
    'crossAttention.probabilities',
    'crossAttention.output',
    'mlp.hidden',
    'mlp.output',
    'norm',
  ]),
};

/**
 * The rates that a configuration asks for, at the places where transformers drops in training: `embd_pdrop`, `attn_pdrop` and
 * `resid_pdrop` of GPT-2, `hidden_dropout_prob` and `attention_probs_dropout_prob` of BERT, `attention_dropout` of Llama, and so on. What
 * stands before a classifier is not among them: drop `pooled` yourself (`classifier_dropout`). Throws where the places of a
 * `model_type` are not known here; `dropoutTap` takes rates by hand.
 */
export function dropoutRates(config: ModelConfig): DropoutRates {
  const type = config.model_type;
  const fields = Object.hasOwn(families, type) ? families[type] : undefined;
  if (!fields) {
    throw new Error(
      `Where models of type '${type}' drop is not known; these are: ${Object.keys(families).join(', ')}. Give dropoutTap the rates by hand.`,
    );
  }
  const rates = Object.entries(fields).map(([place, [field, otherwise]]) => {
    const rate = config[field] ?? otherwise;
    if (typeof rate !== 'number' || !(rate >= 0 && rate < 1)) {
      throw new Error(
        `${field} of the configuration is ${JSON.stringify(rate)}; it must be a number from 0 to below 1.`,
      );
    }
    return [place, rate] as const;
  });
  return Object.fromEntries(rates.filter(([, rate]) => rate > 0));
}
