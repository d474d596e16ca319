import { rename, rm, writeFile } from 'node:fs/promises';

/** Writes a file piece by piece under a temporary name beside it, which becomes its own when all is there; nothing stays of one that fails. */
export async function writeWhole(path: string, pieces: AsyncIterable<Uint8Array>): Promise<void> {
  const temporary = `${path}.${process.pid}.part`;
  try {
    await writeFile(temporary, pieces, { flag: 'wx' });
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}
