import { FormatError, type WeightTensor, weightSource } from '@working-papers/models';
import { shown } from '../../shown.ts';
import { adaptableByModule, tiedHead, weightUses } from '../adaptable.ts';
import { lowRankParts, wholeWeight } from '../create-lora.ts';
import { loraConfig } from '../lora-config.ts';
import { loraWeights } from '../lora-weights.ts';
import { moduleNames } from '../module-names.ts';
import type { AdaptableWeight, AdapterTensor, BaseModel, LoraAdapter, LoraLayer, WholeWeight } from '../types.ts';
import { valuesByModule } from './end-match.ts';
import {
  countField,
  type Fields,
  isSet,
  numberField,
  numbersField,
  patternField,
  textField,
  textsField,
} from './fields.ts';
import { numbersOf } from './numbers.ts';

/** What the layout begins every name with. */
export const prefix = 'base_model.model.';

/** Fields that make of LoRA something else, and what they are called. */
const variants: Record<string, string> = {
  use_dora: 'DoRA',
  use_qalora: 'QALoRA',
  use_bdlora: 'block-diagonal LoRA',
  lora_bias: 'biases of the updates',
  alora_invocation_tokens: 'activated LoRA',
  arrow_config: 'Arrow',
  kasa_config: 'KaSA',
  monteclora_config: 'MonteCLoRA',
  velora_config: 'VeLoRA',
  target_parameters: 'updates of parameters that are no modules',
  trainable_token_indices: 'single trained tokens',
  layer_replication: 'replicated layers',
  megatron_config: 'Megatron',
};

/** LoRA in the PEFT layout, for a model. */
export function readLora(fields: Fields, tensors: ReadonlyMap<string, WeightTensor>, model: BaseModel): LoraAdapter {
  refuseVariants(fields);
  const r = countField(fields, 'r');
  const alpha = numberField(fields, 'lora_alpha', 8);
  const ownAlpha = valuesByModule(numbersField(fields, 'alpha_pattern'));
  const held = new Map<string, AdapterTensor>();
  const layers = new Map<string, LoraLayer>();
  const whole: WholeWeight[] = [];
  const findModule = adaptableByModule(model);
  const names = moduleNames(model);
  const head = tiedHead(model);

  for (const [key, tensor] of tensors) {
    if (!key.startsWith(prefix)) {
      throw new FormatError(
        `The adapter holds a tensor '${key}'; names in the PEFT layout begin with '${prefix}'. Save the adapter with peft's save_pretrained.`,
      );
    }
    const name = key.slice(prefix.length);
    const low = /^(.+)\.lora_(?:(A|B)\.weight|embedding_(A|B))$/.exec(name);
    const base = /^(.+)\.base_layer\.weight$/.exec(name);
    if (low) {
      const [, module, linearPart] = low as unknown as [string, string, string | undefined];
      const kind = linearPart ? 'linear' : 'embedding';
      const known = layers.get(module);
      if (known?.kind !== kind) {
        const found = findModule(module, kind) ?? refuseModule(module, fields);
        layers.set(module, layerOf(found, tensors, ownAlpha(module) ?? alpha));
      }
      held.set(name, numbersOf(tensor));
    } else if (base) {
      // peft saves the table of an adapted embedding with it; it is the base's own, unless its vocabulary was changed.
      const [, module] = base as unknown as [string, string];
      const own = findModule(module, 'embedding') ?? findModule(module, 'linear') ?? refuseModule(module, fields);
      checkShape(name, tensor.shape, model.tensors.get(own.weight)!.shape);
    } else if (/\.lora_[a-zA-Z_]+(\.|$)/.test(name) || name.includes('.base_layer.')) {
      throw new FormatError(`The adapter holds '${name}', which plain LoRA has not; merge it with peft first.`);
    } else {
      const isTied = head !== undefined && name === `${head.module}.weight`;
      const weight = isTied ? head.weight : names.inCheckpoint(name);
      const own = model.tensors.get(weight);
      if (own) checkShape(name, tensor.shape, own.shape);
      whole.push(wholeWeight(name, weight, head));
      held.set(name, numbersOf(tensor));
    }
  }
  if (layers.size + whole.length === 0) throw new FormatError('The adapter holds no tensors.');
  for (const layer of layers.values()) checkParts(layer, held);
  const adapter: LoraAdapter = {
    kind: 'lora',
    taskType: textField(fields, 'task_type'),
    config: loraConfig({
      r,
      alpha,
      targets: targetsOf(fields, [...layers.keys()]),
      excluded: isSet(fields.layers_to_transform) ? [] : patternField(fields, 'exclude_modules'),
      dropout: numberField(fields, 'lora_dropout', 0),
      rslora: fields.use_rslora === true,
      modulesToSave: textsField(fields, 'modules_to_save'),
    }),
    layers: [...layers.values()],
    whole,
    tensors: held,
  };
  checkUse(adapter, model);
  return adapter;
}

function refuseVariants(fields: Fields): void {
  for (const [field, what] of Object.entries(variants)) {
    if (!isSet(fields[field])) continue;
    throw new FormatError(
      `The adapter is ${what} (${field}), which is not built; plain LoRA is. Merge it into its base model with peft (merge_and_unload) and open that.`,
    );
  }
  if (isSet(fields.bias) && fields.bias !== 'none') {
    throw new FormatError(
      `The adapter trains biases (bias ${shown(fields.bias)}), which is not built. Merge it into its base model with peft.`,
    );
  }
  const start = fields.init_lora_weights;
  if (typeof start === 'string' && /^(pissa|olora|corda|loftq|lora_ga)/i.test(start)) {
    throw new FormatError(
      `The adapter was begun with ${shown(start)}, which changes the base model's weights too. Save it with peft's path_initial_model_for_weight_conversion, which makes plain LoRA of it.`,
    );
  }
}

function refuseModule(module: string, fields: Fields): never {
  const base = textField(fields, 'base_model_name_or_path');
  throw new FormatError(
    `The adapter has an update of the module ${shown(module)}, which this model has not. ${base ? `It was made for ${shown(base)}.` : 'It was made for another model.'}`,
  );
}

/** The layer of a weight, its rank that of its matrices. */
function layerOf(found: AdaptableWeight, tensors: ReadonlyMap<string, WeightTensor>, alpha: number): LoraLayer {
  const [a] = lowRankParts({ ...found, r: 1, alpha });
  const r = tensors.get(prefix + a.name)?.shape[0];
  if (r === undefined || r < 1) throw new FormatError(`The adapter has no matrix '${a.name}'.`);
  return { ...found, r, alpha };
}

function checkParts(layer: LoraLayer, held: ReadonlyMap<string, AdapterTensor>): void {
  for (const { name, shape } of lowRankParts(layer)) {
    const tensor = held.get(name);
    if (!tensor) throw new FormatError(`The adapter has no matrix '${name}'.`);
    if (tensor.shape.join() !== shape.join()) {
      throw new FormatError(
        `The adapter's matrix '${name}' has the shape [${tensor.shape.join(', ')}]; the model's weight '${layer.weight}' needs [${shape.join(', ')}].`,
      );
    }
  }
}

function checkShape(name: string, shape: readonly number[], own: readonly number[]): void {
  if (own.join() === shape.join()) return;
  throw new FormatError(
    `The adapter's weight '${name}' has the shape [${shape.join(', ')}] and the model's own [${own.join(', ')}]: vocabulary or head were resized when the adapter was trained. Resize those of the model first.`,
  );
}

function targetsOf(fields: Fields, modules: string[]): string | string[] {
  const targets = patternField(fields, 'target_modules');
  // Which layers is said by the tensors; a list of modules says it again.
  return isSet(fields.layers_to_transform) || targets.length === 0 ? modules : targets;
}

/** Throws a sentence for a weight that a whole pass of the model never asks for. */
function checkUse(adapter: LoraAdapter, model: BaseModel): void {
  const source = loraWeights(weightSource(model.tensors, 'fp32'), adapter);
  const asked = new Set(weightUses(model, source).map(({ name }) => name));
  const idle = adapter.whole.find(({ weight }) => !asked.has(weight));
  if (!idle) return;
  const { architectures, tie_word_embeddings: tied } = model.config;
  throw new FormatError(
    `The model has no use for the adapter's weight '${idle.name}': its configuration says architectures ${shown(architectures ?? null)}, tie_word_embeddings ${shown(tied ?? null)}. Open it with a configuration that has this head.`,
  );
}
