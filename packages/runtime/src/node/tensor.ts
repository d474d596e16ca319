import type { DataType, TensorData } from '@working-papers/graph';
import type { DeviceTensor } from '../index.ts';
import { checkData, elementCount, elements, formatShape } from './element.ts';
import type { Environment } from './environment.ts';
import { created } from './library.ts';
import { copyBetween, copyIn, copyOut, NativeMemory, viewOf } from './native.ts';

/** The largest tensor that may be viewed; a view is for what JavaScript touches at each step. */
const largestView = 1 << 20;

/** Memory seen from JavaScript stays until the last view of it has been collected, so that no view can dangle. */
const viewed = new FinalizationRegistry<NativeMemory>((memory) => memory.release());

/**
 * A tensor in native memory with the OrtValue that ONNX Runtime knows it by. It is counted: bound calls retain the
 * tensors they use, so that the memory outlives a `release()` by them.
 */
export class NativeTensor implements DeviceTensor {
  readonly dtype: DataType;
  readonly shape: readonly number[];
  readonly bytes: number;
  readonly memory: NativeMemory;
  /** The first byte: where the memory begins, or further on for a part of another tensor. */
  readonly pointer: bigint;
  /** The OrtValue. */
  readonly value: bigint;
  readonly #environment: Environment;
  readonly #count: number;
  #references = 1;
  #released = false;
  #view: TensorData | undefined;

  constructor(
    environment: Environment,
    dtype: DataType,
    shape: readonly number[],
    memory?: NativeMemory,
    pointer?: bigint,
  ) {
    const element = elements[dtype];
    if (!element)
      throw new TypeError(`There is no element type "${dtype}"; choose one of ${Object.keys(elements).join(', ')}.`);
    this.dtype = dtype;
    this.shape = [...shape];
    this.#count = elementCount(shape);
    this.bytes = this.#count * element.bytes;
    this.#environment = environment;
    this.memory = memory?.retain() ?? new NativeMemory(this.bytes);
    this.pointer = pointer ?? this.memory.pointer;
    const { api } = environment;
    this.value = created(api, `A ${dtype} tensor of shape ${formatShape(shape)}`, (out) =>
      api.CreateTensorWithDataAsOrtValue(
        environment.memoryInfo,
        this.pointer,
        this.bytes,
        BigInt64Array.from(shape, BigInt),
        shape.length,
        element.code,
        out,
      ),
    );
    environment.tensors.add(this);
  }

  get released(): boolean {
    return this.#released;
  }

  write(data: TensorData, offset = 0): void {
    this.#checkOpen();
    checkData(this.dtype, data);
    this.#checkRange(offset, data.length);
    copyIn(this.pointer, offset * elements[this.dtype].bytes, data);
  }

  read(offset = 0, count = this.#count - offset): TensorData {
    this.#checkOpen();
    this.#checkRange(offset, count);
    const { array, bytes } = elements[this.dtype];
    const data = new array(count);
    copyOut(data, this.pointer, offset * bytes);
    return data;
  }

  view(): TensorData {
    this.#checkOpen();
    if (this.bytes > largestView) {
      throw new RangeError(
        `A view is for tensors of at most ${largestView} bytes; this one has ${this.bytes}. Use read and write.`,
      );
    }
    this.#view ??= this.#makeView();
    return this.#view;
  }

  copy(source: DeviceTensor, start: number, offset: number, count: number): void {
    if (!(source instanceof NativeTensor))
      throw new TypeError('A tensor is copied from another tensor of this runtime.');
    this.#checkOpen();
    source.#checkOpen();
    if (source.dtype !== this.dtype)
      throw new TypeError(`A ${source.dtype} tensor cannot be copied into ${this.dtype}.`);
    source.#checkRange(start, count);
    this.#checkRange(offset, count);
    const size = elements[this.dtype].bytes;
    const [from, to, bytes] = [
      source.pointer + BigInt(start * size),
      this.pointer + BigInt(offset * size),
      count * size,
    ];
    if (from < to + BigInt(bytes) && to < from + BigInt(bytes) && bytes > 0)
      throw new RangeError(
        `Elements ${start} to ${start + count} and ${offset} to ${offset + count} overlap; a copy needs two places.`,
      );
    copyBetween(to, from, bytes);
  }

  reshape(shape: readonly number[], offset = 0): NativeTensor {
    this.#checkOpen();
    const size = elements[this.dtype].bytes;
    if (!Number.isInteger(offset) || offset < 0)
      throw new RangeError(`A part begins at a whole element; got ${offset}.`);
    const pointer = this.pointer + BigInt(offset * size);
    const bytes = elementCount(shape) * size;
    const room = this.memory.bytes - Number(pointer - this.memory.pointer);
    if (bytes > room) {
      const place = offset === 0 ? '' : ` from element ${offset} on`;
      throw new RangeError(
        `Shape ${formatShape(shape)} needs ${bytes} bytes; the tensor of shape ${formatShape(this.shape)} has ${room}${place}.`,
      );
    }
    return new NativeTensor(this.#environment, this.dtype, shape, this.memory, pointer);
  }

  release(): void {
    if (this.#released) return;
    this.#released = true;
    this.#environment.tensors.delete(this);
    this.drop();
  }

  /** Keeps value and memory alive until `drop`. */
  retain(): void {
    this.#references++;
  }

  drop(): void {
    if (--this.#references > 0) return;
    this.#environment.api.ReleaseValue(this.value);
    this.memory.release();
  }

  #makeView(): TensorData {
    const { array } = elements[this.dtype];
    if (this.bytes === 0) return new array(0);
    const buffer = viewOf(this.pointer, this.bytes);
    viewed.register(buffer, this.memory.retain());
    return new array(buffer, 0, this.#count);
  }

  #checkOpen(): void {
    if (this.#released) throw new Error(`The ${this.dtype} tensor of shape ${formatShape(this.shape)} was released.`);
  }

  #checkRange(offset: number, count: number): void {
    if (
      !Number.isInteger(offset) ||
      !Number.isInteger(count) ||
      offset < 0 ||
      count < 0 ||
      offset + count > this.#count
    ) {
      throw new RangeError(
        `Elements ${offset} to ${offset + count} lie outside a tensor of ${this.#count} elements (shape ${formatShape(this.shape)}).`,
      );
    }
  }
}
