/**
 * What code allocates, watched in two ways: every array is counted when it is made, and the process may not map more memory than a
 * cap, whoever asks for it (Linux).
 */
import { readFileSync } from 'node:fs';
import koffi from 'koffi';

const counted = [
  'ArrayBuffer',
  'Int8Array',
  'Uint8Array',
  'Uint8ClampedArray',
  'Int16Array',
  'Uint16Array',
  'Int32Array',
  'Uint32Array',
  'Float32Array',
  'Float64Array',
  'BigInt64Array',
  'BigUint64Array',
  'Array',
] as const;

export interface Allocations {
  /** Bytes of the arrays, buffers and repeated texts that were made since the last call, all together. */
  taken(): number;
  /** Puts everything back as it was. */
  stop(): void;
}

/** Counts from now on the arrays that are made with a length, in this realm: each costs its bytes, whether it lives on or not. */
export function countAllocations(): Allocations {
  let bytes = 0;
  const add = (length: unknown, width: number) => {
    if (typeof length === 'number' && length > 0) bytes += length * width;
    else if (Array.isArray(length) || (ArrayBuffer.isView(length) && 'length' in length))
      bytes += Number(length.length) * width;
  };
  const restore: (() => void)[] = [];
  const replace = <T extends object>(holder: T, name: keyof T, value: unknown) => {
    const before = Object.getOwnPropertyDescriptor(holder, name)!;
    Object.defineProperty(holder, name, { ...before, value });
    restore.push(() => Object.defineProperty(holder, name, before));
  };
  for (const name of counted) {
    const original = globalThis[name] as unknown as new (...args: unknown[]) => object;
    const width = 'BYTES_PER_ELEMENT' in original ? Number(original.BYTES_PER_ELEMENT) : name === 'Array' ? 8 : 1;
    const handler: ProxyHandler<typeof original> = {
      construct(target, args, newTarget) {
        if (args.length === 1) add(args[0], width);
        return Reflect.construct(target, args, newTarget === proxy ? target : newTarget);
      },
      apply(target, self, args) {
        if (args.length === 1) add(args[0], width);
        return Reflect.apply(target, self, args);
      },
    };
    const proxy: typeof original = new Proxy(original, handler);
    replace(globalThis, name, proxy);
  }
  for (const name of ['alloc', 'allocUnsafe', 'allocUnsafeSlow'] as const) {
    const original = Buffer[name];
    replace(Buffer, name, (length: number, ...more: []) => {
      add(length, 1);
      return original.call(Buffer, length, ...more);
    });
  }
  const { repeat } = String.prototype;
  replace(String.prototype, 'repeat', function (this: string, count: number) {
    add(count * this.length, 1);
    return repeat.call(this, count);
  });
  return {
    taken() {
      const taken = bytes;
      bytes = 0;
      return taken;
    },
    stop() {
      for (const undo of restore.reverse()) undo();
    },
  };
}

/**
 * Caps the data that this process may map at so many bytes more than it has mapped now, used or not (RLIMIT_DATA, getrlimit(2)): an
 * allocation beyond that fails. Answers how to lift the cap, or undefined where the system has no such limit.
 */
export function capMemory(more: number): (() => void) | undefined {
  if (process.platform !== 'linux') return undefined;
  const library = koffi.load(null);
  const limits = koffi.struct({ current: 'uint64', most: 'uint64' });
  const get = library.func('getrlimit', 'int', ['int', koffi.out(koffi.pointer(limits))]);
  const set = library.func('setrlimit', 'int', ['int', koffi.pointer(limits)]);
  const data = 2;
  const before: { current?: bigint; most?: bigint } = {};
  if (get(data, before) !== 0) throw new Error('The limit of this process cannot be read.');
  const mapped = 1024 * Number(/^VmData:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'))![1]);
  const put = (limit: object) => {
    if (set(data, limit) !== 0) throw new Error('The limit of this process cannot be set.');
  };
  put({ ...before, current: mapped + more });
  return () => put(before);
}
