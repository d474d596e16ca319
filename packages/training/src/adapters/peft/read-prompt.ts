import { decoderOf, FormatError, type WeightTensor } from '@working-papers/models';
import { prefixWidth } from '../create-prompt.ts';
import { promptEmbeddings } from '../prompt-tensor.ts';
import type { AdapterTensor, BaseModel, PrefixAdapter, PromptAdapter } from '../types.ts';
import { countField, type Fields, isSet, textField } from './fields.ts';
import { numbersOf } from './numbers.ts';

/** Prompt tuning in the PEFT layout, for a decoder. */
export function readPrompt(
  fields: Fields,
  tensors: ReadonlyMap<string, WeightTensor>,
  { config }: BaseModel,
): PromptAdapter {
  const { layers, heads, hidden } = decoderOf(config).decoderConfig(config);
  const tokens = countField(fields, 'num_virtual_tokens');
  const held = onlyTensor(fields, tensors, [tokens, hidden]);
  return { kind: 'prompt', taskType: textField(fields, 'task_type'), tokens, layers, heads, hidden, tensors: held };
}

/** Prefix tuning in the PEFT layout, for a decoder; a projection that it was trained through is part of its numbers already. */
export function readPrefix(
  fields: Fields,
  tensors: ReadonlyMap<string, WeightTensor>,
  { config }: BaseModel,
): PrefixAdapter {
  const { layers, kvHeads, headDim } = decoderOf(config).decoderConfig(config);
  const tokens = countField(fields, 'num_virtual_tokens');
  const held = onlyTensor(fields, tensors, [tokens, prefixWidth({ layers, kvHeads, headDim })]);
  return { kind: 'prefix', taskType: textField(fields, 'task_type'), tokens, layers, kvHeads, headDim, tensors: held };
}

function onlyTensor(
  fields: Fields,
  tensors: ReadonlyMap<string, WeightTensor>,
  shape: readonly number[],
): Map<string, AdapterTensor> {
  const { num_transformer_submodules: submodules } = fields;
  if (isSet(submodules) && submodules !== 1)
    throw new FormatError('The adapter is for an encoder with a decoder; prompts and prefixes are read for decoders.');
  const other = [...tensors.keys()].find((name) => name !== promptEmbeddings);
  if (other !== undefined)
    throw new FormatError(
      `The adapter holds '${other}' beside its ${promptEmbeddings}; it is for a model with a head of its own, not a decoder.`,
    );
  const tensor = tensors.get(promptEmbeddings);
  if (!tensor) throw new FormatError(`The adapter has no tensor '${promptEmbeddings}'.`);
  if (tensor.shape.join() !== shape.join()) {
    throw new FormatError(
      `The adapter's ${promptEmbeddings} have the shape [${tensor.shape.join(', ')}]; for this model they are [${shape.join(', ')}]. It was made for another model.`,
    );
  }
  return new Map([[promptEmbeddings, numbersOf(tensor)]]);
}
