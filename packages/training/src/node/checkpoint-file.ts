/** The state of a training in a file: what a run that was killed goes on from, to the same bits. */
import { safetensorsFile } from '@working-papers/models';
import { openTensorFile, writeWhole } from '@working-papers/models/node';
import type { TrainingStep } from '../step/training-step.ts';

const format = 'working-papers training 1';

/** What is kept beside weights and optimiser: where the data were, say. It must survive JSON. */
export type Beside = Readonly<Record<string, unknown>>;

/**
 * Writes weights, optimiser state, the number of steps and `beside` as one safetensors file, under a temporary name until it is whole. One
 * tensor is in memory at a time.
 */
export async function saveCheckpoint(path: string, step: TrainingStep, beside: Beside = {}): Promise<void> {
  const tensors = [...step.tensors].map(([name, tensor]) => ({
    name,
    type: 'F32' as const,
    shape: tensor.shape,
    bytes: async () => {
      const { buffer, byteOffset, byteLength } = tensor.read();
      return new Uint8Array(buffer as ArrayBuffer, byteOffset, byteLength);
    },
  }));
  const metadata = { format, done: String(step.done), beside: JSON.stringify(beside) };
  await writeWhole(path, safetensorsFile(tensors, metadata));
}

/**
 * Puts a step where the file's was; answers what was kept beside it. Throws a sentence, before anything is changed, where the file is no
 * checkpoint, is damaged, or is of other weights or another optimiser.
 */
export async function loadCheckpoint(path: string, step: TrainingStep): Promise<Beside> {
  const file = await openTensorFile(path, { format, not: 'is no checkpoint of a training.' });
  const unknown = [...file.entries.keys()].find((name) => !step.tensors.has(name));
  const missing = [...step.tensors.keys()].find((name) => !file.entries.has(name));
  if (unknown !== undefined || missing !== undefined) {
    throw new Error(
      `${path} is of another training: ${unknown === undefined ? `it lacks ${missing}` : `it holds ${unknown}, which this one does not have`}. Train with the model and optimiser that it was saved with.`,
    );
  }
  for (const [name, { shape }] of step.tensors) file.entry(name, 'F32', shape);
  const done = Number(file.metadata.done);
  const beside = besideOf(file.metadata.beside);
  if (!Number.isSafeInteger(done) || done < 0 || !beside)
    throw new Error(`${path} is damaged: it does not say how far it was.`);
  for (const [name, tensor] of step.tensors) tensor.write(new Float32Array(await file.read(name, 'F32', tensor.shape)));
  step.done = done;
  return beside;
}

function besideOf(text: string | undefined): Beside | undefined {
  try {
    const value: unknown = JSON.parse(text ?? '');
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Beside) : undefined;
  } catch {
    return undefined;
  }
}
