/** What an uploaded file may be called: the name comes from a browser and is believed as far as it goes. */
import { basename } from 'node:path/posix';
import { besideWeights } from '@working-papers/models/references';
import { UploadError, type UploadKind } from './types.ts';

/** Of the files beside weights the one that stands in a folder. */
const pooling = '1_Pooling/config.json';

const choose = 'Choose one .gguf file, or config.json, tokenizer.json and the .safetensors files together.';

/**
 * The name under which an upload's file is stored: letters, digits, dots, dashes and underscores, without any folder that the sender
 * named (but a sentence encoder's `1_Pooling`). Throws an UploadError for a file that is not read.
 */
export function storedName(given: string, kind: UploadKind): string {
  const path = given.replaceAll('\\', '/');
  if (kind === 'model' && (path === pooling || path.endsWith(`/${pooling}`))) return pooling;
  const name = basename(path)
    .normalize('NFKD')
    .replace(/[^\w.-]+/g, '-')
    .replace(/^[.-]+|[.-]+$/g, '')
    .replace(/\.{2,}/g, '.');
  const ending = /\.[a-z]+$/i.exec(name)?.[0].toLowerCase() ?? '';
  const stem = name.slice(0, name.length - ending.length).slice(0, 80);
  if (stem === '')
    throw new UploadError(`"${given.slice(0, 80)}" has no name that a file can be kept under. Rename it.`);
  if (kind === 'input') {
    if (['.txt', '.jsonl', '.csv', '.json'].includes(ending)) return stem + ending;
    throw new UploadError(
      `"${given.slice(0, 80)}" is not read as an input. Choose a .txt, .jsonl, .csv or .json file.`,
    );
  }
  if (ending === '.gguf' || ending === '.safetensors') return stem + ending;
  if (/^[\w.-]+\.safetensors\.index\.json$/.test(name) && name.length <= 100) return name;
  if (besideWeights.has(name)) return name;
  const pickled = /\.(bin|pt|pth|ckpt|pkl)$/.test(name)
    ? ' Python pickles are not read; convert them to safetensors.'
    : '';
  throw new UploadError(`"${given.slice(0, 80)}" is not read from a model.${pickled} ${choose}`);
}
