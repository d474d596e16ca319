/** What a method keeps between stages and runs: bytes under a key, each paper for itself, in files named by hash. */
import { createHash, randomBytes } from 'node:crypto';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { RunContext } from '@working-papers/methods/contract';

export function createStore(dataFolder: string, slug: string): RunContext['store'] {
  const folder = join(dataFolder, 'store', slug.replace(/[^\w-]/g, '_'));
  const fileOf = (key: string): string => join(folder, createHash('sha256').update(key).digest('hex'));
  return {
    async get(key) {
      try {
        return new Uint8Array(await readFile(fileOf(key)));
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
        throw error;
      }
    },
    async put(key, bytes) {
      await mkdir(folder, { recursive: true });
      // Whole or not at all: a reader never sees half of it.
      const partial = `${fileOf(key)}.${randomBytes(6).toString('hex')}`;
      await writeFile(partial, bytes);
      await rename(partial, fileOf(key));
    },
  };
}
