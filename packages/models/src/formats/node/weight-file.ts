import { createHash } from 'node:crypto';
import { readSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { FormatError } from '../format-error.ts';

/** One read is at most this long: a single read of 2 GiB or more fails on some systems. */
const piece = 2 ** 30;

/** A file open for reading at any place; closing it ends all reads. */
export class WeightFile {
  readonly path: string;
  readonly bytes: number;
  private readonly handle: FileHandle;

  private constructor(path: string, bytes: number, handle: FileHandle) {
    this.path = path;
    this.bytes = bytes;
    this.handle = handle;
  }

  static async open(path: string): Promise<WeightFile> {
    const handle = await open(path, 'r').catch((error: NodeJS.ErrnoException) => {
      throw new FormatError(`${path} cannot be opened (${error.code ?? error.message}).`);
    });
    try {
      const stat = await handle.stat();
      if (!stat.isFile()) throw new FormatError(`${path} is not a file.`);
      return new WeightFile(path, stat.size, handle);
    } catch (error) {
      await handle.close();
      throw error;
    }
  }

  /** Bytes `[start, end)`, which must lie in the file. */
  async read(start: number, end: number): Promise<Uint8Array> {
    const bytes = this.allocate(start, end);
    for (let done = 0; done < bytes.byteLength; ) {
      const length = Math.min(piece, bytes.byteLength - done);
      const { bytesRead } = await this.handle.read(bytes, done, length, start + done);
      if (bytesRead === 0) throw this.shrunk();
      done += bytesRead;
    }
    return bytes;
  }

  /** The same without leaving the call. */
  readSync(start: number, end: number): Uint8Array {
    const bytes = this.allocate(start, end);
    for (let done = 0; done < bytes.byteLength; ) {
      const read = readSync(this.handle.fd, bytes, done, Math.min(piece, bytes.byteLength - done), start + done);
      if (read === 0) throw this.shrunk();
      done += read;
    }
    return bytes;
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

  async close(): Promise<void> {
    await this.handle.close();
  }

  private allocate(start: number, end: number): Uint8Array {
    if (!(start >= 0 && start <= end && end <= this.bytes)) {
      throw new FormatError(`Bytes ${start} to ${end} are not in ${this.path}, which has ${this.bytes}.`);
    }
    return new Uint8Array(end - start);
  }

  private shrunk(): FormatError {
    return new FormatError(`${this.path} became shorter while it was read.`);
  }
}
