import { stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { FormatError, type WeightTensor } from '@working-papers/models';
import { readJsonObject, readSafetensors, readTorch, WeightFile } from '@working-papers/models/node';
import { adapterOfPeft } from '../../adapters/peft/read.ts';
import type { Adapter, BaseModel } from '../../adapters/types.ts';

const readers: Record<string, (file: WeightFile) => Promise<Map<string, WeightTensor>>> = {
  'adapter_model.safetensors': readSafetensors,
  'adapter_model.bin': readTorch,
};

/**
 * Opens a folder in the PEFT layout (adapter_config.json with adapter_model.safetensors, or adapter_model.bin as peft before 0.6 wrote
 * it) for a model; its tensors are read whole. Rejects with a {@link FormatError} whose sentence names the folder.
 */
export async function openAdapter(folder: string, model: BaseModel): Promise<Adapter> {
  const path = resolve(folder);
  try {
    const fields = await readJsonObject(join(path, 'adapter_config.json'));
    if (!fields) throw new FormatError('There is no adapter_config.json, so it is no adapter in the PEFT layout.');
    for (const [name, read] of Object.entries(readers)) {
      if (!(await stat(join(path, name)).catch(() => undefined))) continue;
      return adapterOfPeft(fields, await read(await WeightFile.find(join(path, name))), model);
    }
    throw new FormatError(`There are no weights: neither ${Object.keys(readers).join(' nor ')}.`);
  } catch (error) {
    if (!(error instanceof FormatError) || error.message.includes(path)) throw error;
    throw new FormatError(`${path}: ${error.message}`, { cause: error });
  }
}
