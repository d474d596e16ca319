import { join } from 'node:path';
import { tokenizerOfFolder } from '../../tokenizers/converters/of-folder.ts';
import type { TokenizerFiles } from '../../tokenizers/types.ts';
import { checkConfig, withGeneration } from '../config.ts';
import { show } from '../element-types.ts';
import { FormatError } from '../format-error.ts';
import { parseSafetensorsHeader, parseShardIndex, safetensorsHeaderLength } from '../safetensors.ts';
import type { Checkpoint, WeightTensor } from '../types.ts';
import { fileTensor } from './file-tensor.ts';
import { readBytes, readJson, readJsonObject, readText } from './json-file.ts';
import type { WeightFile } from './weight-file.ts';

/** The tensors of one safetensors file. */
export async function readSafetensors(file: WeightFile): Promise<Map<string, WeightTensor>> {
  const length = safetensorsHeaderLength(await file.read(0, Math.min(8, file.bytes)), file.bytes);
  const { entries } = parseSafetensorsHeader(await file.read(8, 8 + length), file.bytes);
  return new Map(entries.map((entry) => [entry.name, fileTensor(file, entry)]));
}

/** The tensors of a sharded checkpoint: each in the shard that the index names, and no other. */
export function joinShards(
  index: ReadonlyMap<string, string>,
  shards: ReadonlyMap<string, Map<string, WeightTensor>>,
): Map<string, WeightTensor> {
  const tensors = new Map<string, WeightTensor>();
  for (const [name, file] of index) {
    const tensor = shards.get(file)?.get(name);
    if (!tensor) throw new FormatError(`The index says that ${file} holds the tensor ${show(name)}, but it does not.`);
    tensors.set(name, tensor);
  }
  for (const [file, held] of shards) {
    for (const name of held.keys()) {
      if (index.get(name) !== file)
        throw new FormatError(`${file} holds the tensor ${show(name)}, which the index does not put there.`);
    }
  }
  return tensors;
}

export async function readShardIndex(path: string): Promise<Map<string, string>> {
  return parseShardIndex(await readJson(path));
}

/** Everything of a Hugging Face folder beside the weights: configuration, tokenizer, how an encoder pools. */
export async function readFolder(folder: string): Promise<Omit<Checkpoint, 'format' | 'tensors' | 'files'>> {
  const configPath = join(folder, 'config.json');
  const rawConfig = await readJson(configPath);
  if (rawConfig === undefined)
    throw new FormatError(`There is no config.json in ${folder}, so the model's shape is not known.`);
  const generation = await readJsonObject(join(folder, 'generation_config.json'));
  const config = withGeneration(checkConfig(rawConfig, configPath), generation);
  const maxSequenceLength = await encoderLimit(folder);
  const tokenizer = await readTokenizer(folder, config, maxSequenceLength);
  const pipeline = await readPipeline(folder);
  const preprocessor = await readPreprocessor(folder);
  return {
    config,
    ...(tokenizer ? { tokenizer } : {}),
    ...(tokenizer?.chatTemplate === undefined ? {} : { chatTemplate: tokenizer.chatTemplate }),
    ...(maxSequenceLength === undefined ? {} : { maxSequenceLength }),
    ...(preprocessor ? { preprocessor } : {}),
    ...pipeline,
  };
}

/** `preprocessor_config.json`, or the part for images of what transformers 5 writes for all of a processor. */
async function readPreprocessor(folder: string): Promise<Record<string, unknown> | undefined> {
  const own = await readJsonObject(join(folder, 'preprocessor_config.json'));
  if (own) return own;
  const path = join(folder, 'processor_config.json');
  const part = (await readJsonObject(path))?.image_processor;
  if (part === undefined || part === null) return undefined;
  if (typeof part !== 'object' || Array.isArray(part))
    throw new FormatError(`image_processor in ${path} is not a JSON object.`);
  return part as Record<string, unknown>;
}

/** `max_seq_length` of sentence_bert_config.json; it wins over the truncation written in tokenizer.json. */
async function encoderLimit(folder: string): Promise<number | undefined> {
  const path = join(folder, 'sentence_bert_config.json');
  const limit = (await readJsonObject(path))?.max_seq_length;
  if (limit === undefined || limit === null) return undefined;
  if (typeof limit !== 'number' || !Number.isInteger(limit) || limit < 1) {
    throw new FormatError(`max_seq_length in ${path} is ${show(String(limit))}; it must be a whole number from 1.`);
  }
  return limit;
}

async function readTokenizer(
  folder: string,
  config: { model_type: string; eos_token_id?: unknown },
  maxLength?: number,
): Promise<TokenizerFiles | undefined> {
  const tokenizerConfig = await readJsonObject(join(folder, 'tokenizer_config.json'));
  const tokenizer =
    (await readJsonObject(join(folder, 'tokenizer.json'))) ??
    (await tokenizerOfFolder(filesOf(folder), config.model_type, tokenizerConfig));
  if (!tokenizer) return undefined;
  const template = await readText(join(folder, 'chat_template.jinja'));
  const eosIds = [config.eos_token_id].flat().filter((id): id is number => typeof id === 'number');
  return {
    tokenizer,
    ...(tokenizerConfig ? { config: tokenizerConfig } : {}),
    ...(template === undefined ? {} : { chatTemplate: template }),
    ...(maxLength === undefined ? {} : { maxLength }),
    ...(eosIds.length > 0 ? { eosIds } : {}),
  };
}

const filesOf = (folder: string) => ({
  text: (name: string) => readText(join(folder, name)),
  object: (name: string) => readJsonObject(join(folder, name)),
  bytes: (name: string) => readBytes(join(folder, name)),
});

/** Pooling and normalisation as the sentence-transformers pipeline in modules.json says. */
async function readPipeline(folder: string): Promise<Pick<Checkpoint, 'pooling' | 'normalise'>> {
  const modules = await readJson(join(folder, 'modules.json'));
  if (!Array.isArray(modules)) return {};
  const normalise = modules.some((module) => /(^|\.)Normalize$/.test(String(module?.type)));
  const pooler = modules.find((module) => /(^|\.)Pooling$/.test(String(module?.type)));
  if (!pooler) return { normalise };
  const path = String(pooler.path ?? '1_Pooling');
  if (!/^[\w.-]+$/.test(path) || path === '..')
    throw new FormatError(`modules.json in ${folder} names the pooling folder ${show(path)}.`);
  const pooling = await readJsonObject(join(folder, path, 'config.json'));
  if (!pooling) return { normalise };
  const ways = [
    pooling.pooling_mode_cls_token || pooling.pooling_mode === 'cls' ? 'cls' : undefined,
    pooling.pooling_mode_mean_tokens || pooling.pooling_mode === 'mean' ? 'mean' : undefined,
    pooling.pooling_mode_max_tokens || pooling.pooling_mode === 'max' ? 'max' : undefined,
  ].filter((way) => way !== undefined);
  if (ways.length !== 1)
    throw new FormatError(
      `The encoder in ${folder} pools by ${ways.join(' and ') || 'a way not known here'}; mean, cls or max alone are read.`,
    );
  return { pooling: ways[0] as 'mean' | 'cls' | 'max', normalise };
}
