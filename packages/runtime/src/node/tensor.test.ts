import { afterAll, describe, expect, test } from 'vitest';
import { createRuntime, residentBytes } from './index.ts';

const runtime = createRuntime();
afterAll(() => runtime.close());

describe('tensors', () => {
  test('start on multiples of 64 bytes, as zeros, and keep what is written', () => {
    for (const length of [0, 1, 3, 17, 4097]) {
      const tensor = runtime.tensor('float32', [length]);
      expect(tensor.memory.pointer % 64n).toBe(0n);
      expect(tensor.bytes).toBe(length * 4);
      expect(tensor.read()).toEqual(new Float32Array(length));
      tensor.write(Float32Array.from({ length }, (_, i) => i));
      expect(tensor.read()).toEqual(Float32Array.from({ length }, (_, i) => i));
      tensor.release();
    }
  });

  test('read and write parts, in elements, of every type', () => {
    const tensor = runtime.tensor('int64', [2, 3], BigInt64Array.of(1n, 2n, 3n, 4n, 5n, 6n));
    tensor.write(BigInt64Array.of(-7n, 2n ** 40n), 2);
    expect(tensor.read(1, 3)).toEqual(BigInt64Array.of(2n, -7n, 2n ** 40n));
    const bool = runtime.tensor('bool', [2], Uint8Array.of(1, 0));
    expect(bool.read()).toEqual(Uint8Array.of(1, 0));
    const half = runtime.tensor('float16', [], Uint16Array.of(0x3c00));
    expect(half.read()).toEqual(Uint16Array.of(0x3c00));
  });

  test('are viewed without a copy, and a view that outlives its tensor keeps its memory', () => {
    const tensor = runtime.tensor('float32', [4], Float32Array.of(1, 2, 3, 4));
    const view = tensor.view();
    view[1] = 20;
    expect(tensor.read()).toEqual(Float32Array.of(1, 20, 3, 4));
    expect(tensor.view()).toBe(view);
    tensor.release();
    runtime.tensor('float32', [4], Float32Array.of(5, 6, 7, 8));
    expect(view).toEqual(Float32Array.of(1, 20, 3, 4));
    expect(() => runtime.tensor('float32', [1 << 19]).view()).toThrow(
      'A view is for tensors of at most 1048576 bytes; this one has 2097152.',
    );
  });

  test('share memory with their other shapes until the last is released', () => {
    const tensor = runtime.tensor('float32', [2, 3], Float32Array.of(1, 2, 3, 4, 5, 6));
    const first = tensor.reshape([3]);
    tensor.release();
    first.write(Float32Array.of(9), 1);
    expect(first.read()).toEqual(Float32Array.of(1, 9, 3));
    const again = first.reshape([6]);
    expect(again.read()).toEqual(Float32Array.of(1, 9, 3, 4, 5, 6));
    expect(() => first.reshape([7])).toThrow('Shape [7] needs 28 bytes; the tensor of shape [3] has 24.');
  });

  test('are seen in parts and copied to each other in place', () => {
    const tensor = runtime.tensor(
      'float32',
      [3, 4],
      Float32Array.from({ length: 12 }, (_, i) => i),
    );
    const last = tensor.reshape([1, 4], 8);
    const middle = tensor.reshape([4], 4);
    expect(last.read()).toEqual(Float32Array.of(8, 9, 10, 11));
    last.copy(tensor, 1, 2, 2);
    expect(tensor.read(8)).toEqual(Float32Array.of(8, 9, 1, 2));
    expect(middle.reshape([4], 4).read()).toEqual(last.read());
    tensor.release();
    middle.copy(last, 0, 0, 4);
    expect(middle.view()).toEqual(Float32Array.of(8, 9, 1, 2));
    expect(() => last.reshape([2, 4])).toThrow('Shape [2, 4] needs 32 bytes; the tensor of shape [1, 4] has 16.');
    expect(() => middle.reshape([4], 5)).toThrow('has 12 from element 5 on');
    expect(() => middle.copy(last, 0, 1, 4)).toThrow('lie outside a tensor of 4 elements');
    expect(() => middle.copy(middle, 0, 1, 3)).toThrow('overlap');
    expect(() => middle.copy(runtime.tensor('int32', [4]), 0, 0, 4)).toThrow(
      'A int32 tensor cannot be copied into float32.',
    );
  });

  test('refuse what does not fit, in sentences', () => {
    const tensor = runtime.tensor('float32', [2, 2]);
    expect(() => tensor.write(new Uint8Array(4))).toThrow('A float32 tensor holds a Float32Array; got Uint8Array.');
    expect(() => tensor.write(new Float32Array(3), 2)).toThrow(
      'Elements 2 to 5 lie outside a tensor of 4 elements (shape [2, 2]).',
    );
    expect(() => tensor.read(-1)).toThrow('lie outside a tensor of 4 elements');
    expect(() => runtime.tensor('float32', [2, -1])).toThrow(
      "A tensor's dimensions are whole numbers of at least 0; got [2, -1].",
    );
    expect(() => runtime.tensor('float32', [3], new Float32Array(2))).toThrow('has 3 elements; the data given has 2.');
    expect(() => runtime.tensor('float32', [2 ** 30, 2 ** 30])).toThrow('has too many elements');
    expect(() => runtime.tensor('float32', [2 ** 46])).toThrow('No memory for a tensor of');
    tensor.release();
    expect(() => tensor.read()).toThrow('The float32 tensor of shape [2, 2] was released.');
  });

  test('of 2 GB together hold their values, and their memory comes back', () => {
    const before = residentBytes();
    const length = 1 << 24;
    const data = Float32Array.from({ length: 1 << 20 }, (_, i) => i);
    const tensors = Array.from({ length: 32 }, (_, i) => {
      const tensor = runtime.tensor('float32', [length]);
      tensor.write(data);
      tensor.write(data, length - data.length);
      tensor.write(Float32Array.of(-i), 12345);
      return tensor;
    });
    expect(tensors.reduce((sum, { bytes }) => sum + bytes, 0)).toBe(2 ** 31);
    for (const [i, tensor] of tensors.entries()) {
      expect([...tensor.read(12344, 3)]).toEqual([12344, -i, 12346]);
      expect([...tensor.read(length - 1)]).toEqual([data.length - 1]);
    }
    for (const tensor of tensors) tensor.release();
    expect(residentBytes() - before).toBeLessThan(100e6);
  });

  test('of which 2,000 are viewed at once (125 MB) survive collection in any order', () => {
    const tensors = Array.from({ length: 2000 }, () => runtime.tensor('float32', [1 << 14]));
    for (const [i, tensor] of tensors.entries()) tensor.view()[i] = i;
    for (const tensor of tensors.filter((_, i) => i % 2 === 0)) tensor.release();
    for (const [i, tensor] of tensors.entries()) if (i % 2 === 1) expect(tensor.read(i, 1)[0]).toBe(i);
    for (const tensor of tensors) tensor.release();
  });

  test('not touched take no physical memory', () => {
    const before = residentBytes();
    const tensor = runtime.tensor('float32', [1 << 28]);
    tensor.write(Float32Array.of(1), (1 << 28) - 1);
    expect(residentBytes() - before).toBeLessThan(64e6);
    tensor.release();
  });
});
