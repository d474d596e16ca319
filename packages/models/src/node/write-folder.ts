import { createWriteStream } from 'node:fs';
import { mkdir, readdir, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { SavedFile } from '../saving/hugging-face.ts';

/** Files that would be taken for the weights of a model whose folder is written over. */
const weights = /^(model|pytorch_model)(-\d+-of-\d+)?\.(safetensors|bin)(\.index\.json)?$/;

/**
 * Writes a folder of files under a temporary name beside it, which becomes its own when all is there; nothing stays of one that
 * fails. Where the folder is there already, its files are exchanged one by one at the end, other weights of a model removed, and whatever
 * else lies there stays.
 */
export async function writeFolder(path: string, files: readonly SavedFile[]): Promise<void> {
  const temporary = `${path}.${process.pid}.part`;
  try {
    await mkdir(temporary);
    for (const { name, pieces } of files) {
      const file = join(temporary, name);
      await mkdir(dirname(file), { recursive: true });
      await pipeline(Readable.from(pieces, { objectMode: true }), createWriteStream(file, { flags: 'wx' }));
    }
    const there = await readdir(path).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return undefined;
      throw error;
    });
    if (!there) return await rename(temporary, path);
    for (const { name } of files) {
      await mkdir(dirname(join(path, name)), { recursive: true });
      await rename(join(temporary, name), join(path, name));
    }
    const written = new Set(files.map(({ name }) => name));
    for (const name of there) if (weights.test(name) && !written.has(name)) await rm(join(path, name));
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}
