import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { parseShardIndex } from '../../formats/safetensors.ts';
import { chooseWeights, formatOf } from '../../formats/weight-names.ts';
import { ModelReferenceError } from '../parse.ts';

/** Files beside the weights that a model is opened with, wherever they are there: paths in its folder. */
export const besideWeights: ReadonlySet<string> = new Set([
  'config.json',
  'generation_config.json',
  'tokenizer.json',
  'tokenizer_config.json',
  'special_tokens_map.json',
  'added_tokens.json',
  'vocab.txt',
  'vocab.json',
  'merges.txt',
  'spiece.model',
  'tokenizer.model',
  'sentencepiece.bpe.model',
  'chat_template.jinja',
  'preprocessor_config.json',
  'processor_config.json',
  'modules.json',
  'sentence_bert_config.json',
  'config_sentence_transformers.json',
  '1_Pooling/config.json',
]);

/**
 * Which of a repository's files are fetched: the named file (with what stands beside it), else safetensors or, where there are
 * none, PyTorch files, single or sharded, with configuration and tokenizer, else its only GGUF file.
 */
export function chooseFiles(paths: readonly string[], repository: string, file?: string): string[] {
  const beside = paths.filter((path) => besideWeights.has(path));
  if (file !== undefined) {
    if (!paths.includes(file))
      throw new ModelReferenceError(`The repository ${repository} has no file ${file}${listed(paths)}.`);
    return file.endsWith('.gguf') ? [file] : [file, ...beside.filter((path) => path !== file)];
  }
  const chosen = chooseWeights(paths);
  if (chosen?.endsWith('.gguf')) return [chosen];
  if (chosen?.endsWith('.index.json')) {
    const shard = chosen.startsWith('model') ? /^model-\d+-of-\d+\.safetensors$/ : /^pytorch_model-\d+-of-\d+\.bin$/;
    return [chosen, ...paths.filter((path) => shard.test(path)), ...beside];
  }
  if (chosen) return [chosen, ...beside];
  const gguf = paths.filter((path) => path.endsWith('.gguf'));
  if (gguf.length > 1) {
    throw new ModelReferenceError(
      `The repository ${repository} holds ${gguf.length} GGUF files; name one, as hf:${repository}:${gguf[0]}${listed(gguf)}.`,
    );
  }
  throw new ModelReferenceError(
    `The repository ${repository} holds no safetensors, no PyTorch and no GGUF file, so there is no model to open.`,
  );
}

function listed(paths: readonly string[]): string {
  const weights = paths.filter((path) => formatOf(path) !== undefined && !path.endsWith('.json'));
  if (weights.length === 0) return '';
  return ` (it has ${weights.slice(0, 12).join(', ')}${weights.length > 12 ? ` and ${weights.length - 12} more` : ''})`;
}

/**
 * What can be opened in a folder of files: the named file or folder, the folder itself when it holds a whole safetensors or
 * PyTorch model, or its only GGUF file. Undefined when anything is missing.
 */
export async function openablePath(folder: string, file?: string): Promise<string | undefined> {
  if (file !== undefined) {
    const path = join(folder, file);
    return (await isFile(path)) ? path : openablePath(path);
  }
  const names: string[] = await readdir(folder).catch(() => []);
  const chosen = chooseWeights(names);
  if (chosen === undefined || !(await isFile(join(folder, chosen)))) return undefined;
  if (chosen.endsWith('.gguf')) return join(folder, chosen);
  if (!names.includes('config.json')) return undefined;
  return !chosen.endsWith('.index.json') || (await hasAllShards(folder, chosen)) ? folder : undefined;
}

async function hasAllShards(folder: string, index: string): Promise<boolean> {
  try {
    const files = parseShardIndex(JSON.parse(await readFile(join(folder, index), 'utf8')));
    for (const shard of new Set(files.values())) if (!(await isFile(join(folder, shard)))) return false;
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
