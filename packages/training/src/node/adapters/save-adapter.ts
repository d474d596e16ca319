import { resolve } from 'node:path';
import { checkPlace, writeFolder } from '@working-papers/models/node';
import { type PeftOptions, peftFiles } from '../../adapters/peft/write.ts';
import type { Adapter } from '../../adapters/types.ts';

/**
 * Saves an adapter as a folder that peft opens (`PeftModel.from_pretrained`); the folder appears when it is whole. Rejects with a sentence where
 * something is there already, unless it may be written over.
 */
export async function saveAdapter(
  adapter: Adapter,
  folder: string,
  { overwrite, ...options }: PeftOptions & { overwrite?: boolean | undefined } = {},
): Promise<void> {
  const path = resolve(folder);
  await checkPlace(path, 'folder', { overwrite });
  await writeFolder(path, peftFiles(adapter, options));
}
