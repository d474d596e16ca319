/**
 * Native memory and calls, through koffi. Pointers are BigInts; null is the null pointer.
 */
import koffi from 'koffi';

export type Pointer = bigint | null;
/** An output parameter: the callee writes element 0. */
export type Out<T> = [T | null];
/** A native function; `async` runs it on a worker thread and calls back on the event loop. */
export type Native<F extends (...parameters: never[]) => unknown> = F & {
  async(...parameters: [...Parameters<F>, (error: Error | null, result: ReturnType<F>) => void]): void;
};

/** Every tensor starts on a multiple of this, as the widest vector loads like it. */
export const alignment = 64;

// koffi runs native code on stacks of its own, 128 KiB in an asynchronous call by default: too little for the recursion
// of ONNX Runtime's optimisers over a graph of thousands of nodes. The pages are only touched when used.
koffi.config({ sync_stack_size: 16 << 20, async_stack_size: 16 << 20, resident_async_pools: 4 });

export const cLibrary = koffi.load(
  { darwin: 'libSystem.B.dylib', win32: 'ucrtbase.dll' }[process.platform as string] ?? 'libc.so.6',
);
const calloc = cLibrary.func('void* calloc(size_t count, size_t size)') as (count: number, size: number) => Pointer;
const freeMemory = cLibrary.func('void free(void* memory)') as (memory: Pointer) => void;
const copy = cLibrary.func('void* memcpy(void* target, void* source, size_t bytes)') as (
  target: Pointer | ArrayBufferView,
  source: Pointer | ArrayBufferView,
  bytes: number,
) => Pointer;

const trim = foundOrNot(() => cLibrary.func('int malloc_trim(size_t left)')) as
  | Native<(left: number) => number>
  | undefined;

/**
 * Gives what was freed back to the system, beside the event loop. glibc keeps it otherwise, in pieces between what is still used: after a
 * session has been created, about as much as a small model's weights. Other C libraries need no such call.
 */
export function returnFreedMemory(): void {
  asked = true;
  if (!trim || returning) return;
  asked = false;
  returning = true;
  trim.async(0, () => {
    returning = false;
    if (asked) returnFreedMemory();
  });
}

/** One call at a time; whoever asks meanwhile is served by one more. */
let [asked, returning] = [false, false];

function foundOrNot<T>(find: () => T): T | undefined {
  try {
    return find();
  } catch {
    return undefined;
  }
}

/** A block of native memory that never moves; it lives until everyone who retained it has released it. */
export class NativeMemory {
  /** The first byte, aligned to 64. */
  readonly pointer: bigint;
  readonly bytes: number;
  readonly #base: bigint;
  #references = 1;

  /**
   * `bytes` of zeros. They come from calloc, which on every system hands out untouched pages for a large block, so a
   * cache takes no physical memory before it is written; the start is moved up to the alignment.
   */
  constructor(bytes: number) {
    const base = calloc(1, bytes + alignment);
    if (base === null)
      throw new Error(`No memory for a tensor of ${bytes} bytes; release tensors or choose a smaller capacity.`);
    this.#base = base;
    this.bytes = bytes;
    this.pointer = (base + BigInt(alignment - 1)) & ~BigInt(alignment - 1);
  }

  retain(): this {
    this.#references++;
    return this;
  }

  release(): void {
    if (--this.#references === 0) freeMemory(this.#base);
  }
}

/** Copies all of `source` to `target + offset` (bytes). */
export function copyIn(target: bigint, offset: number, source: ArrayBufferView): void {
  if (source.byteLength > 0) copy(target + BigInt(offset), source, source.byteLength);
}

/** Fills `target` from `source + offset` (bytes). */
export function copyOut(target: ArrayBufferView, source: bigint, offset: number): void {
  if (target.byteLength > 0) copy(target, source + BigInt(offset), target.byteLength);
}

/** Copies `bytes` of native memory; the two places must not overlap. */
export function copyBetween(target: bigint, source: bigint, bytes: number): void {
  if (bytes > 0) copy(target, source, bytes);
}

/** `bytes` of native memory as an ArrayBuffer, without a copy; it must not outlive the memory. */
export function viewOf(pointer: bigint, bytes: number): ArrayBuffer {
  return koffi.view(pointer, bytes);
}

/** `void*[]` in native memory. */
export function pointerArray(pointers: readonly Pointer[]): NativeMemory {
  const memory = new NativeMemory(Math.max(pointers.length, 1) * 8);
  copyIn(
    memory.pointer,
    0,
    BigUint64Array.from(pointers, (pointer) => pointer ?? 0n),
  );
  return memory;
}

/** Reads `void*[count]` back. */
export function readPointers(memory: NativeMemory, count: number): bigint[] {
  const pointers = new BigUint64Array(count);
  copyOut(pointers, memory.pointer, 0);
  return [...pointers];
}

/** `char*[]` in native memory: the strings lie behind their pointers in the same block. */
export function stringArray(strings: readonly string[]): NativeMemory {
  const encoded = strings.map((string) => new TextEncoder().encode(`${string}\0`));
  const memory = new NativeMemory(encoded.reduce((sum, bytes) => sum + bytes.length, encoded.length * 8 + 8));
  const pointers = new BigUint64Array(encoded.length);
  let offset = encoded.length * 8;
  encoded.forEach((bytes, index) => {
    copyIn(memory.pointer, offset, bytes);
    pointers[index] = memory.pointer + BigInt(offset);
    offset += bytes.length;
  });
  copyIn(memory.pointer, 0, pointers);
  return memory;
}

const loaded: ReturnType<typeof koffi.load>[] = [];

/** Loads a shared library for as long as the process lives: koffi unloads one whose handle is collected, and pointers into it would remain. */
export function loadLibrary(path: string): ReturnType<typeof koffi.load> {
  const library = koffi.load(path);
  loaded.push(library);
  return library;
}

const prototypes = new Map<string, ReturnType<typeof koffi.proto>>();

/** A function of C signature `prototype` at `pointer`. koffi knows a prototype by its name, which may be declared once. */
export function functionAt(pointer: bigint, prototype: string): Native<(...parameters: never[]) => unknown> {
  const known = prototypes.get(prototype) ?? koffi.proto(prototype);
  prototypes.set(prototype, known);
  return koffi.decode(pointer, known);
}

/** `count` pointers from `pointer`. */
export function decodePointers(pointer: bigint, count: number): bigint[] {
  return koffi.decode(pointer, 'void*', count);
}
