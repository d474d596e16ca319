import { createHash } from 'node:crypto';
import { closeSync, fstatSync, openSync, readSync, type Stats } from 'node:fs';
import { open, stat } from 'node:fs/promises';
import { FormatError } from '../format-error.ts';

/** One read is at most this long: a single read of 2 GiB or more fails on some systems. */
const piece = 2 ** 30;

/**
 * A file that is read at any place. It is open during a read only, so nobody has to close it; a read refuses when the
 * file is no longer the one that was found first.
 */
export class WeightFile {
  readonly path: string;
  readonly bytes: number;
  private readonly found: Stats;

  private constructor(path: string, found: Stats) {
    this.path = path;
    this.bytes = found.size;
    this.found = found;
  }

  static async find(path: string): Promise<WeightFile> {
    const found = await stat(path).catch((error: NodeJS.ErrnoException) => {
      throw unopened(path, error);
    });
    if (!found.isFile()) throw new FormatError(`${path} is not a file.`);
    return new WeightFile(path, found);
  }

  /** Bytes `[start, end)`, which must lie in the file. */
  async read(start: number, end: number): Promise<Uint8Array> {
    const bytes = this.allocate(start, end);
    const handle = await open(this.path, 'r').catch((error: NodeJS.ErrnoException) => {
      throw unopened(this.path, error);
    });
    try {
      this.checkSame(await handle.stat());
      for (let done = 0; done < bytes.byteLength; ) {
        const length = Math.min(piece, bytes.byteLength - done);
        const { bytesRead } = await handle.read(bytes, done, length, start + done);
        if (bytesRead === 0) throw this.changed();
        done += bytesRead;
      }
      return bytes;
    } finally {
      await handle.close();
    }
  }

  /** The same without leaving the call. */
  readSync(start: number, end: number): Uint8Array {
    const bytes = this.allocate(start, end);
    const descriptor = this.openSync();
    try {
      this.checkSame(fstatSync(descriptor));
      for (let done = 0; done < bytes.byteLength; ) {
        const read = readSync(descriptor, bytes, done, Math.min(piece, bytes.byteLength - done), start + done);
        if (read === 0) throw this.changed();
        done += read;
      }
      return bytes;
    } finally {
      closeSync(descriptor);
    }
  }

  /** SHA-256 of the whole file, hexadecimal. */
  async sha256(signal?: AbortSignal, onBytes?: (done: number) => void): Promise<string> {
    const hash = createHash('sha256');
    for (let done = 0; done < this.bytes; ) {
      signal?.throwIfAborted();
      const end = Math.min(this.bytes, done + 2 ** 23);
      hash.update(await this.read(done, end));
      done = end;
      onBytes?.(done);
    }
    return hash.digest('hex');
  }

  private openSync(): number {
    try {
      return openSync(this.path, 'r');
    } catch (error) {
      throw unopened(this.path, error as NodeJS.ErrnoException);
    }
  }

  private allocate(start: number, end: number): Uint8Array {
    if (!(start >= 0 && start <= end && end <= this.bytes)) {
      throw new FormatError(`Bytes ${start} to ${end} are not in ${this.path}, which has ${this.bytes}.`);
    }
    return new Uint8Array(end - start);
  }

  private checkSame({ size, mtimeMs, ino, dev }: Stats): void {
    const { found } = this;
    if (size !== found.size || mtimeMs !== found.mtimeMs || ino !== found.ino || dev !== found.dev)
      throw this.changed();
  }

  private changed(): FormatError {
    return new FormatError(`${this.path} was changed after it was opened. Open the model again.`);
  }
}

function unopened(path: string, error: NodeJS.ErrnoException): FormatError {
  return new FormatError(`${path} cannot be opened (${error.code ?? error.message}).`);
}
