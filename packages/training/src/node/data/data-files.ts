/** The files of a data set: one file, or a folder as Hugging Face's data sets are laid out. */
import { readdir, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { TextFormat } from './text-formats.ts';

export type DataFormat = TextFormat | 'parquet';

export interface DataFile {
  /** From the data set's folder, with "/": `data/train-00000-of-00002.parquet`. */
  name: string;
  path: string;
  format: DataFormat;
  gzip: boolean;
  /** The part that it is of, by its name; undefined where the name has none. */
  split?: string;
}

const formats: Record<string, DataFormat> = {
  '.txt': 'text',
  '.jsonl': 'jsonl',
  '.ndjson': 'jsonl',
  '.json': 'jsonl',
  '.csv': 'csv',
  '.tsv': 'tsv',
  '.parquet': 'parquet',
};

const endings = '.txt, .jsonl, .csv, .tsv (each also with .gz) and .parquet';

/** What stands beside the data in a folder, and is none. */
const others = new Set([
  'dataset_info.json',
  'dataset_infos.json',
  'dataset_dict.json',
  'state.json',
  'license.txt',
  'readme.txt',
]);

/** The splits that names stand for, as Hugging Face's loader has them. */
const splitNames: Record<string, string> = {
  train: 'train',
  training: 'train',
  validation: 'validation',
  valid: 'validation',
  val: 'validation',
  dev: 'validation',
  test: 'test',
  testing: 'test',
  eval: 'test',
  evaluation: 'test',
};

const deepest = 8;
const mostFiles = 100_000;

/** How a name is read, or undefined when it is no data file's. */
export function formatOf(name: string): Pick<DataFile, 'format' | 'gzip'> | undefined {
  const lower = name.toLowerCase();
  const gzip = lower.endsWith('.gz');
  const format = formats[/\.[a-z]+$/.exec(gzip ? lower.slice(0, -3) : lower)?.[0] ?? ''];
  return format === undefined || (gzip && format === 'parquet') ? undefined : { format, gzip };
}

/**
 * The files at a path, in the order of their names: the file itself, or those of a folder and the folders within. A split is told by a
 * part of the name that stands alone: `train.jsonl`, `data/train-00000-of-00002.parquet`, `test/0001.txt`, or anything before
 * `-00000-of-00002`. Throws a sentence when there are none, when they are of several formats, and when one of several that belong
 * together is missing.
 * @param format read all files so, and, in a folder, only those
 */
export async function findDataFiles(path: string, format?: DataFormat): Promise<DataFile[]> {
  const found = await stat(path).catch(() => undefined);
  if (!found) throw new Error(`There is no file or folder "${path}". Give a path that exists.`);
  if (found.isFile()) {
    const name = basename(path);
    const known = formatOf(name);
    if (!known && !format)
      throw new Error(`What "${name}" holds cannot be told by its name. What is read: ${endings}.`);
    const gzip = known?.gzip ?? /\.gz$/i.test(name);
    return [{ name, path, gzip, format: format ?? known!.format, ...splitOf(name) }];
  }
  const files: DataFile[] = [];
  for (const name of (await namesIn(path, '', 0)).sort()) {
    const known = formatOf(name);
    if (!known || others.has(basename(name).toLowerCase()) || (format && known.format !== format)) continue;
    files.push({ name, path: join(path, ...name.split('/')), ...known, ...splitOf(name) });
  }
  const kinds = [...new Set(files.map((file) => file.format))];
  if (kinds.length > 1)
    throw new Error(
      `"${path}" has files of several formats (${kinds.join(', ')}). Name the format that is to be read.`,
    );
  if (files.length === 0) throw new Error(`"${path}" has no ${format ?? 'data'} files. What is read: ${endings}.`);
  checkShards(files);
  return files;
}

async function namesIn(folder: string, prefix: string, depth: number): Promise<string[]> {
  const names: string[] = [];
  for (const entry of await readdir(join(folder, prefix), { withFileTypes: true })) {
    if (entry.name.startsWith('.')) continue;
    const name = prefix === '' ? entry.name : `${prefix}/${entry.name}`;
    // A link counts as what it leads to: caches of hubs are made of links.
    const isFolder = entry.isSymbolicLink()
      ? ((await stat(join(folder, name)).catch(() => undefined))?.isDirectory() ?? false)
      : entry.isDirectory();
    if (!isFolder) names.push(name);
    else if (depth < deepest) names.push(...(await namesIn(folder, name, depth + 1)));
    else
      throw new Error(
        `"${join(folder, name)}" lies more than ${deepest} folders deep. Name a folder nearer to the data.`,
      );
    if (names.length > mostFiles)
      throw new Error(`"${folder}" has more than ${mostFiles} files. Name a smaller folder.`);
  }
  return names;
}

const sharded = /^(.*)-(\d{5})-of-(\d{5})(\.[a-z.]+)$/i;

function splitOf(name: string): { split?: string } {
  const parts = name.toLowerCase().split('/').reverse();
  const shard = sharded.exec(basename(name));
  for (const part of parts) {
    const word = part.split(/[^a-z]+/).find((candidate) => Object.hasOwn(splitNames, candidate));
    if (word) return { split: splitNames[word]! };
  }
  return shard?.[1] ? { split: shard[1] } : {};
}

/** Of files `NAME-00000-of-00002` none is missing. */
function checkShards(files: readonly DataFile[]): void {
  const seen = new Map<string, Set<number>>();
  for (const { name } of files) {
    const [, stem, number, count, ending] = sharded.exec(name) ?? [];
    if (number === undefined) continue;
    const key = JSON.stringify([stem, count, ending]);
    seen.set(key, (seen.get(key) ?? new Set()).add(Number(number)));
  }
  for (const [key, numbers] of seen) {
    const [stem, count, ending] = JSON.parse(key) as [string, string, string];
    for (let number = 0; number < Number(count); number++) {
      if (numbers.has(number)) continue;
      const missing = `${stem}-${String(number).padStart(5, '0')}-of-${count}${ending}`;
      throw new Error(`Of the ${Number(count)} files of "${stem}" ${missing} is missing. Fetch it, or name one file.`);
    }
  }
}
