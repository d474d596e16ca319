import type { Checkpoint } from './types.ts';

/** The format that a file's name says, of an index of shards too; undefined for other files. */
export function formatOf(path: string): Checkpoint['format'] | undefined {
  if (path.endsWith('.gguf')) return 'gguf';
  if (/\.safetensors(\.index\.json)?$/.test(path)) return 'safetensors';
  if (/\.(bin|pt|pth)$|\.bin\.index\.json$/.test(path)) return 'pytorch';
  return undefined;
}

/** Names that a folder's weights go by, the one that is taken first. */
const usual = [
  'model.safetensors',
  'model.safetensors.index.json',
  'pytorch_model.bin',
  'pytorch_model.bin.index.json',
] as const;

/** Which of a folder's files is opened as its weights (a file, or an index of shards): undefined when none or several could be. */
export function chooseWeights(names: readonly string[]): string | undefined {
  const named = usual.find((name) => names.includes(name));
  if (named) return named;
  const gguf = names.filter((name) => name.endsWith('.gguf'));
  return gguf.length === 1 ? gguf[0] : undefined;
}
