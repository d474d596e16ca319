import { type FileHandle, open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { ModelReferenceError } from '../parse.ts';

/** A file being written from front to back. */
export interface FileWriter {
  write(bytes: Uint8Array): Promise<void>;
  close(): Promise<void>;
}

/** Opens a file for writing: anew, or at its end. Tests give one that runs out of space. */
export type OpenWriter = (path: string, append: boolean) => Promise<FileWriter>;

export const openWriter: OpenWriter = async (path, append) => {
  const handle: FileHandle = await open(path, append ? 'a' : 'w');
  return {
    async write(bytes) {
      for (let done = 0; done < bytes.byteLength; ) {
        done += (await handle.write(bytes, done, bytes.byteLength - done)).bytesWritten;
      }
    },
    close: () => handle.close(),
  };
};

/** Whether an error, or what caused it, says that the disk or the quota is used up. */
export function isDiskFull(error: unknown): boolean {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (code === 'ENOSPC' || code === 'EDQUOT') return true;
  }
  return false;
}

/** The sentence for a full disk: what was being written, how much it needs, where, and what to do. */
export function diskFull(what: string, bytes: number | undefined, path: string, cause: unknown): ModelReferenceError {
  const need = bytes === undefined ? '' : ` (${megabytes(bytes)})`;
  return new ModelReferenceError(
    `The disk is full: ${what}${need} did not fit into ${dirname(path)}. What had been written of it was removed. Free some space, or set WORKING_PAPERS_DATA to a folder with room.`,
    { cause },
  );
}

export function megabytes(bytes: number): string {
  return bytes < 1e6 ? `${Math.ceil(bytes / 1e3)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;
}
