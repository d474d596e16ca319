import { type SafetensorsTensor, type SavedFile, safetensorsFile } from '@working-papers/models';
import type { Adapter, LoraAdapter, PrefixAdapter, PromptAdapter } from '../types.ts';
import { prefix } from './read-lora.ts';

export interface PeftOptions {
  /** What peft calls the model that the adapter is for: a name on the hub, or a folder. */
  base?: string | undefined;
}

/** An adapter in the PEFT layout: adapter_config.json and adapter_model.safetensors, as peft's save_pretrained writes them. */
export function peftFiles(adapter: Adapter, { base }: PeftOptions = {}): SavedFile[] {
  const config = {
    base_model_name_or_path: base ?? null,
    inference_mode: true,
    task_type: adapter.taskType ?? null,
    ...(adapter.kind === 'lora' ? loraFields(adapter) : promptFields(adapter)),
  };
  const named = adapter.kind === 'lora' ? prefix : '';
  const tensors = [...adapter.tensors].map(
    ([name, { shape, values }]): SafetensorsTensor => ({
      name: named + name,
      shape,
      type: 'F32',
      bytes: async () => new Uint8Array(values.buffer, values.byteOffset, values.byteLength),
    }),
  );
  tensors.sort((one, other) => (one.name < other.name ? -1 : 1));
  return [
    { name: 'adapter_config.json', pieces: [new TextEncoder().encode(`${JSON.stringify(config, null, 2)}\n`)] },
    { name: 'adapter_model.safetensors', pieces: safetensorsFile(tensors, { format: 'pt' }) },
  ];
}

function loraFields({ config, layers }: LoraAdapter): Record<string, unknown> {
  const { targets, excluded } = config;
  const asListed = typeof targets !== 'string' && typeof excluded !== 'string';
  const own = (field: 'r' | 'alpha') =>
    Object.fromEntries(
      layers.filter((layer) => layer[field] !== config[field]).map((layer) => [layer.module, layer[field]]),
    );
  return {
    peft_type: 'LORA',
    r: config.r,
    lora_alpha: config.alpha,
    lora_dropout: config.dropout,
    use_rslora: config.rslora,
    // Expressions are not quite the same in Python; what they chose here is said by name.
    target_modules: asListed ? targets : layers.map(({ module }) => module),
    exclude_modules: asListed && excluded.length > 0 ? excluded : null,
    modules_to_save: config.modulesToSave.length > 0 ? config.modulesToSave : null,
    rank_pattern: own('r'),
    alpha_pattern: own('alpha'),
    fan_in_fan_out: layers.some(({ inOut }) => inOut),
    bias: 'none',
    init_lora_weights: true,
  };
}

function promptFields(adapter: PromptAdapter | PrefixAdapter): Record<string, unknown> {
  const common = {
    num_virtual_tokens: adapter.tokens,
    num_layers: adapter.layers,
    num_transformer_submodules: 1,
  };
  if (adapter.kind === 'prompt') {
    return {
      ...common,
      peft_type: 'PROMPT_TUNING',
      num_attention_heads: adapter.heads,
      token_dim: adapter.hidden,
      prompt_tuning_init: 'RANDOM',
    };
  }
  const width = adapter.kvHeads * adapter.headDim;
  return {
    ...common,
    peft_type: 'PREFIX_TUNING',
    num_attention_heads: adapter.kvHeads,
    token_dim: width,
    encoder_hidden_size: width,
    prefix_projection: false,
  };
}
