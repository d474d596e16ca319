import type { ValueInfo } from '@working-papers/graph';
import type { Call, DeviceTensor, HostTensor, Program } from '../index.ts';
import { BoundCall } from './call.ts';
import { checkData, dtypeOfCode, elementCount, elements, formatShape } from './element.ts';
import type { Environment } from './environment.ts';
import { checkInputs, checkNames, checkOutputs, type NamedSizes } from './fit.ts';
import { check, created } from './library.ts';
import { copyOut } from './native.ts';
import type { Session } from './session.ts';
import { NativeTensor } from './tensor.ts';

/** A program over one OrtSession. */
export class NativeProgram implements Program {
  readonly inputs: readonly ValueInfo[];
  readonly outputs: readonly ValueInfo[];
  readonly #environment: Environment;
  readonly #session: Session;
  readonly #label: string;
  readonly #calls = new Set<BoundCall>();
  readonly #onRelease: (program: NativeProgram) => void;
  #released = false;
  #freed = false;

  constructor(
    environment: Environment,
    session: Session,
    label: string,
    values: { inputs: readonly ValueInfo[]; outputs: readonly ValueInfo[] },
    onRelease: (program: NativeProgram) => void,
  ) {
    this.#environment = environment;
    this.#session = session;
    this.#label = label;
    this.#onRelease = onRelease;
    this.inputs = values.inputs;
    this.outputs = values.outputs;
  }

  bind(inputs: Record<string, DeviceTensor>, outputs: Record<string, DeviceTensor>): Call {
    this.#checkOpen();
    const sizes: NamedSizes = new Map();
    checkInputs(this.#label, this.inputs, inputs, sizes);
    checkOutputs(this.#label, this.outputs, outputs, sizes);
    if (Object.keys(outputs).length === 0) throw new Error(`${this.#label}: a call needs at least one output.`);
    const sources = this.#native('input', inputs);
    const targets = this.#native('output', outputs);
    this.#checkSeparate(targets);
    return this.#call(sources, targets);
  }

  async run(
    inputs: Record<string, DeviceTensor | HostTensor>,
    { outputs, signal }: { outputs?: readonly string[]; signal?: AbortSignal } = {},
  ): Promise<Record<string, HostTensor>> {
    this.#checkOpen();
    checkInputs(this.#label, this.inputs, inputs, new Map());
    const names = outputs ?? this.outputs.map(({ name }) => name);
    checkNames(this.#label, 'output', this.outputs, names);
    if (names.length === 0) throw new Error(`${this.#label}: a run needs at least one output.`);
    const own: NativeTensor[] = [];
    let call: BoundCall | undefined;
    try {
      const sources: Record<string, NativeTensor> = {};
      for (const [name, given] of Object.entries(inputs)) {
        const tensor = 'data' in given ? this.#upload(name, given) : this.#native('input', { [name]: given })[name]!;
        if ('data' in given) own.push(tensor);
        sources[name] = tensor;
      }
      call = this.#call(sources, Object.fromEntries(names.map((name) => [name, null])));
      await call.run(signal);
      const values = call.takeOutputs();
      try {
        return Object.fromEntries(names.map((name, index) => [name, this.#download(values[index]!)]));
      } finally {
        for (const value of values) this.#environment.api.ReleaseValue(value);
      }
    } finally {
      call?.release();
      for (const tensor of own) tensor.release();
    }
  }

  /** Ends the calls that run, then frees the session. */
  release(): void {
    if (this.#released) return;
    this.#released = true;
    for (const call of [...this.#calls]) call.release();
    this.#freeWhenIdle();
  }

  #call(inputs: Record<string, NativeTensor>, outputs: Record<string, NativeTensor | null>): BoundCall {
    const call = new BoundCall(this.#environment, this.#session.pointer, this.#label, inputs, outputs, (released) => {
      this.#calls.delete(released);
      if (this.#released) this.#freeWhenIdle();
    });
    this.#calls.add(call);
    return call;
  }

  #freeWhenIdle(): void {
    if (this.#calls.size > 0 || this.#freed) return;
    this.#freed = true;
    this.#session.release();
    this.#onRelease(this);
  }

  #native(kind: string, tensors: Record<string, DeviceTensor>): Record<string, NativeTensor> {
    for (const [name, tensor] of Object.entries(tensors)) {
      if (!(tensor instanceof NativeTensor))
        throw new TypeError(`${this.#label}: ${kind} "${name}" is not a tensor of this runtime.`);
      if (tensor.released) throw new Error(`${this.#label}: the tensor given for ${kind} "${name}" was released.`);
    }
    return tensors as Record<string, NativeTensor>;
  }

  /** Two outputs in one memory would overwrite each other. */
  #checkSeparate(outputs: Record<string, NativeTensor>): void {
    const seen = new Map<unknown, string>();
    for (const [name, { memory }] of Object.entries(outputs)) {
      const other = seen.get(memory);
      if (other !== undefined)
        throw new Error(`${this.#label}: outputs "${other}" and "${name}" share one tensor's memory.`);
      seen.set(memory, name);
    }
  }

  #upload(name: string, { dtype, shape, data }: HostTensor): NativeTensor {
    checkData(dtype, data);
    if (data.length !== elementCount(shape)) {
      throw new Error(
        `${this.#label}: input "${name}" of shape ${formatShape(shape)} needs ${elementCount(shape)} elements; got ${data.length}.`,
      );
    }
    const tensor = new NativeTensor(this.#environment, dtype, shape);
    tensor.write(data);
    return tensor;
  }

  /** Copies an OrtValue to JavaScript. */
  #download(value: bigint): HostTensor {
    const { api } = this.#environment;
    const info = created(api, this.#label, (out) => api.GetTensorTypeAndShape(value, out));
    try {
      const type: [number | null] = [null];
      check(api, api.GetTensorElementType(info, type), this.#label);
      const rank: [number | null] = [null];
      check(api, api.GetDimensionsCount(info, rank), this.#label);
      const dimensions = new BigInt64Array(rank[0]!);
      if (dimensions.length > 0) check(api, api.GetDimensions(info, dimensions, dimensions.length), this.#label);
      const dtype = dtypeOfCode(type[0]!);
      const shape = Array.from(dimensions, Number);
      const data = new elements[dtype].array(elementCount(shape));
      copyOut(
        data,
        created(api, this.#label, (out) => api.GetTensorMutableData(value, out)),
        0,
      );
      return { dtype, shape, data };
    } finally {
      api.ReleaseTensorTypeAndShapeInfo(info);
    }
  }

  #checkOpen(): void {
    if (this.#released) throw new Error(`${this.#label}: the program was released.`);
  }
}
