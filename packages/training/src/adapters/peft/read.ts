import { FormatError, type WeightTensor } from '@working-papers/models';
import { shown } from '../../shown.ts';
import type { Adapter, BaseModel } from '../types.ts';
import type { Fields } from './fields.ts';
import { readLora } from './read-lora.ts';
import { readPrefix, readPrompt } from './read-prompt.ts';

const readers: Record<
  string,
  (fields: Fields, tensors: ReadonlyMap<string, WeightTensor>, model: BaseModel) => Adapter
> = {
  LORA: readLora,
  PROMPT_TUNING: readPrompt,
  PREFIX_TUNING: readPrefix,
};

/**
 * An adapter in the PEFT layout, for a model: the fields of its adapter_config.json and its tensors, which are read. Throws
 * {@link FormatError} with a sentence where it is of another kind, does not fit the model, or is malformed.
 */
export function adapterOfPeft(fields: Fields, tensors: ReadonlyMap<string, WeightTensor>, model: BaseModel): Adapter {
  const { peft_type: type } = fields;
  const read = typeof type === 'string' && Object.hasOwn(readers, type) ? readers[type] : undefined;
  if (read) return read(fields, tensors, model);
  throw new FormatError(
    `An adapter of type ${shown(type ?? null)} cannot be opened; these can: ${Object.keys(readers).join(', ')}.`,
  );
}
