/** Files seen as memory (mmap), where the system is one whose calls we know: Linux and macOS. */
import koffi from 'koffi';
import { cLibrary, type Pointer } from './native.ts';

/** Of <sys/mman.h>; these have one value on Linux and macOS. */
const [readable, shared, notNeeded] = [1, 1, 4];

/** Whether files can be mapped here. */
export const canMapFiles = process.platform === 'linux' || process.platform === 'darwin';

const calls = canMapFiles
  ? {
      map: cLibrary.func(
        'void* mmap(void* wish, size_t bytes, int protection, int flags, int file, int64_t offset)',
      ) as (wish: Pointer, bytes: number, protection: number, flags: number, file: number, offset: number) => Pointer,
      unmap: cLibrary.func('int munmap(void* start, size_t bytes)') as (start: Pointer, bytes: number) => number,
      advise: cLibrary.func('int madvise(void* start, size_t bytes, int advice)') as (
        start: Pointer,
        bytes: number,
        advice: number,
      ) => number,
    }
  : undefined;

/** The first `bytes` of an open file, read-only. They stay after the file is closed and removed, until `release`. */
export class MappedFile {
  readonly pointer: bigint;
  readonly bytes: number;

  constructor(file: number, bytes: number) {
    const pointer = calls!.map(null, bytes, readable, shared, file, 0);
    if (pointer === null || BigInt.asIntN(64, pointer) === -1n) {
      throw new Error(`The system could not map a file of ${bytes} bytes (error ${koffi.errno()}).`);
    }
    this.pointer = pointer;
    this.bytes = bytes;
  }

  /** Takes the pages out of this process's memory; what is read again comes from the file. Never wrong, whoever reads meanwhile. */
  evict(): void {
    calls!.advise(this.pointer, this.bytes, notNeeded);
  }

  release(): void {
    calls!.unmap(this.pointer, this.bytes);
  }
}
