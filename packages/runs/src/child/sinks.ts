/** Artifacts written: safe names, a hash, a limit, and a file under its name only when it is whole. */
import { createHash } from 'node:crypto';
import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Sink } from '@working-papers/methods/contract';
import { checkedMediaType, checkedName } from '../names.ts';

export interface Written {
  name: string;
  mediaType: string;
  bytes: number;
  sha256: string;
}

/**
 * Gives `write(name, mediaType)` of a run's context.
 * @param folder where the artifacts go
 * @param limit bytes of all artifacts together; absent: none
 * @param onWritten called when an artifact is whole
 */
export function createSinks(folder: string, limit: number | undefined, onWritten: (artifact: Written) => void) {
  const names = new Set<string>();
  const left: Left = { bytes: limit ?? Number.POSITIVE_INFINITY, limit };
  return (name: string, mediaType: string): Sink => {
    checkedName(name);
    checkedMediaType(mediaType);
    if (names.has(name.toLowerCase()))
      throw new Error(`The artifact "${name}" was written already; names are used once.`);
    names.add(name.toLowerCase());
    return new ArtifactSink(folder, name, mediaType, left, onWritten);
  };
}

interface Left {
  bytes: number;
  limit: number | undefined;
}

class ArtifactSink implements Sink {
  private readonly path: string;
  private readonly partial: string;
  private readonly hash = createHash('sha256');
  private readonly artifact: Written;
  private readonly left: Left;
  private readonly onWritten: (artifact: Written) => void;
  private file: Promise<FileHandle> | undefined;
  private closed = false;
  private chain: Promise<void> = Promise.resolve();

  constructor(folder: string, name: string, mediaType: string, left: Left, onWritten: (artifact: Written) => void) {
    this.path = join(folder, name);
    this.partial = join(folder, `.${name}.partial`);
    this.artifact = { name, mediaType, bytes: 0, sha256: '' };
    this.left = left;
    this.onWritten = onWritten;
  }

  write(chunk: Uint8Array | string): Promise<void> {
    const bytes = typeof chunk === 'string' ? Buffer.from(chunk, 'utf8') : chunk;
    this.chain = this.chain.then(() => this.append(bytes));
    return this.chain;
  }

  async close(): Promise<void> {
    await this.chain;
    if (this.closed) return;
    this.closed = true;
    const file = await this.opened();
    await file.close();
    await rename(this.partial, this.path);
    this.artifact.sha256 = this.hash.digest('hex');
    this.onWritten(this.artifact);
  }

  private async append(bytes: Uint8Array): Promise<void> {
    if (this.closed) throw new Error(`The artifact "${this.artifact.name}" is closed.`);
    this.left.bytes -= bytes.byteLength;
    if (this.left.bytes < 0) {
      await this.drop();
      throw new Error(
        `The run's artifacts passed their limit of ${this.left.limit} bytes with "${this.artifact.name}".`,
      );
    }
    await (await this.opened()).writeFile(bytes).catch((error: NodeJS.ErrnoException) => this.abandon(error));
    this.hash.update(bytes);
    this.artifact.bytes += bytes.byteLength;
  }

  /** A full disk is the usual reason; what was written until then is of no use. */
  private async abandon({ code, message }: NodeJS.ErrnoException): Promise<never> {
    await this.drop();
    const why =
      code === 'ENOSPC' || code === 'EDQUOT' ? 'the disk is full. Free some space and repeat the run' : message;
    throw new Error(`The artifact "${this.artifact.name}" could not be written: ${why}.`);
  }

  private async drop(): Promise<void> {
    await (await this.opened()).close();
    await rm(this.partial, { force: true });
  }

  private opened(): Promise<FileHandle> {
    this.file ??= open(this.partial, 'w');
    return this.file;
  }
}
