import type { DeviceTensor, HostTensor, Program, Runtime } from '@working-papers/runtime';

/**
 * One run whose outputs, named with their shapes (float32), stay in the device's memory until `release`: nothing of them is
 * copied before somebody reads it.
 */
export async function runInto(
  runtime: Runtime,
  program: Program,
  given: Record<string, HostTensor>,
  shapes: Record<string, readonly number[]>,
  signal?: AbortSignal,
): Promise<{ tensors: Record<string, DeviceTensor>; release(): void }> {
  const inputs: Record<string, DeviceTensor> = {};
  const tensors: Record<string, DeviceTensor> = {};
  const release = (made: Record<string, DeviceTensor>) => {
    for (const tensor of Object.values(made)) tensor.release();
  };
  try {
    for (const [name, { dtype, shape, data }] of Object.entries(given))
      inputs[name] = runtime.tensor(dtype, shape, data);
    for (const [name, shape] of Object.entries(shapes)) tensors[name] = runtime.tensor('float32', shape);
    const call = program.bind(inputs, tensors);
    try {
      await call.run(signal);
    } finally {
      call.release();
    }
  } catch (error) {
    release(tensors);
    throw error;
  } finally {
    release(inputs);
  }
  return { tensors, release: () => release(tensors) };
}
