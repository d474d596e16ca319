import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { parseShardIndex } from '../../formats/safetensors.ts';
import { ModelReferenceError } from '../parse.ts';

/** Files beside the weights that a model is opened with, wherever they are there: paths in its folder. */
export const besideWeights: ReadonlySet<string> = new Set([
  'config.json',
  'generation_config.json',
  'tokenizer.json',
  'tokenizer_config.json',
  'special_tokens_map.json',
  'chat_template.jinja',
  'modules.json',
  'sentence_bert_config.json',
  'config_sentence_transformers.json',
  '1_Pooling/config.json',
]);

/**
 * Which of a repository's files are fetched: the named file (with what stands beside safetensors), else
 * safetensors single or sharded with configuration and tokenizer, else its only GGUF file.
 */
export function chooseFiles(paths: readonly string[], repository: string, file?: string): string[] {
  const beside = paths.filter((path) => besideWeights.has(path));
  if (file !== undefined) {
    if (!paths.includes(file))
      throw new ModelReferenceError(`The repository ${repository} has no file ${file}${listed(paths)}.`);
    return file.endsWith('.gguf') ? [file] : [file, ...beside.filter((path) => path !== file)];
  }
  if (paths.includes('model.safetensors')) return ['model.safetensors', ...beside];
  if (paths.includes('model.safetensors.index.json')) {
    const shards = paths.filter((path) => /^model-\d+-of-\d+\.safetensors$/.test(path));
    return ['model.safetensors.index.json', ...shards, ...beside];
  }
  const gguf = paths.filter((path) => path.endsWith('.gguf'));
  if (gguf.length === 1) return gguf;
  if (gguf.length > 1) {
    throw new ModelReferenceError(
      `The repository ${repository} holds ${gguf.length} GGUF files; name one, as hf:${repository}:${gguf[0]}${listed(gguf)}.`,
    );
  }
  throw new ModelReferenceError(
    `The repository ${repository} holds no safetensors and no GGUF file, so there is no model to open.`,
  );
}

function listed(paths: readonly string[]): string {
  const weights = paths.filter((path) => /\.(gguf|safetensors)$/.test(path));
  if (weights.length === 0) return '';
  return ` (it has ${weights.slice(0, 12).join(', ')}${weights.length > 12 ? ` and ${weights.length - 12} more` : ''})`;
}

/**
 * What can be opened in a folder of files: the named file, the folder itself when it holds a whole safetensors model,
 * or its only GGUF file. Undefined when anything is missing.
 */
export async function openablePath(folder: string, file?: string): Promise<string | undefined> {
  if (file !== undefined) return (await isFile(join(folder, file))) ? join(folder, file) : undefined;
  const names: string[] = await readdir(folder).catch(() => []);
  if (names.includes('config.json')) {
    if (names.includes('model.safetensors') && (await isFile(join(folder, 'model.safetensors')))) return folder;
    if (names.includes('model.safetensors.index.json') && (await hasAllShards(folder))) return folder;
  }
  const gguf = names.filter((name) => name.endsWith('.gguf'));
  return gguf.length === 1 && (await isFile(join(folder, gguf[0]!))) ? join(folder, gguf[0]!) : undefined;
}

async function hasAllShards(folder: string): Promise<boolean> {
  try {
    const index = parseShardIndex(JSON.parse(await readFile(join(folder, 'model.safetensors.index.json'), 'utf8')));
    for (const shard of new Set(index.values())) if (!(await isFile(join(folder, shard)))) return false;
    return true;
  } catch {
    return false;
  }
}

async function isFile(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isFile(),
    () => false,
  );
}
