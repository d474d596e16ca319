/** The state of a training as the bytes of a safetensors file: what a run that was killed goes on from, to the same bits. */
import {
  joinedPieces,
  parseSafetensorsHeader,
  type SafetensorsEntry,
  safetensorsFile,
  safetensorsHeaderLength,
} from '@working-papers/models';
import type { TrainingStep } from './training-step.ts';

/** What the header of a checkpoint says of it. */
export const checkpointFormat = 'working-papers training 1';

/** What is kept beside weights and optimiser: where the data were, say. It must survive JSON. */
export type Beside = Readonly<Record<string, unknown>>;

/** A checkpoint, opened. */
export interface CheckpointSource {
  /** As sentences name it. */
  name: string;
  entries: ReadonlyMap<string, SafetensorsEntry>;
  metadata: Readonly<Record<string, string>>;
  read(entry: SafetensorsEntry): Promise<ArrayBuffer>;
}

/** Weights, optimiser state, the number of steps and `beside`, piece by piece: one tensor is in memory at a time. */
export function checkpointPieces(step: TrainingStep, beside: Beside = {}): AsyncIterable<Uint8Array> {
  const tensors = [...step.tensors].map(([name, tensor]) => ({
    name,
    type: 'F32' as const,
    shape: tensor.shape,
    bytes: async () => {
      const { buffer, byteOffset, byteLength } = tensor.read();
      return new Uint8Array(buffer as ArrayBuffer, byteOffset, byteLength);
    },
  }));
  const metadata = { format: checkpointFormat, done: String(step.done), beside: JSON.stringify(beside) };
  return safetensorsFile(tensors, metadata);
}

/** {@link checkpointPieces} in one array. */
export const checkpointBytes = (step: TrainingStep, beside: Beside = {}): Promise<Uint8Array> =>
  joinedPieces(checkpointPieces(step, beside));

/** Puts a step where the bytes of {@link checkpointBytes} were; see {@link restoreCheckpoint}. */
export function restoreCheckpointBytes(bytes: Uint8Array, step: TrainingStep): Promise<Beside> {
  const length = safetensorsHeaderLength(bytes.subarray(0, 8), bytes.byteLength);
  const { entries, metadata } = parseSafetensorsHeader(bytes.subarray(8, 8 + length), bytes.byteLength);
  const source: CheckpointSource = {
    name: 'The checkpoint',
    entries: new Map(entries.map((entry) => [entry.name, entry])),
    metadata,
    read: async ({ start, end }) => bytes.slice(start, end).buffer as ArrayBuffer,
  };
  if (metadata.format !== checkpointFormat) throw new Error('The bytes are no checkpoint of a training.');
  return restoreCheckpoint(source, step);
}

/**
 * Puts a step where the checkpoint's was; answers what was kept beside it. Throws a sentence, before anything is changed, where the
 * checkpoint is damaged, or is of other weights or another optimiser.
 */
export async function restoreCheckpoint(source: CheckpointSource, step: TrainingStep): Promise<Beside> {
  const { name: where, entries, metadata } = source;
  const unknown = [...entries.keys()].find((name) => !step.tensors.has(name));
  const missing = [...step.tensors.keys()].find((name) => !entries.has(name));
  if (unknown !== undefined || missing !== undefined) {
    throw new Error(
      `${where} is of another training: ${unknown === undefined ? `it lacks ${missing}` : `it holds ${unknown}, which this one does not have`}. Train with the model and optimiser that it was saved with.`,
    );
  }
  for (const [name, { shape }] of step.tensors) {
    const entry = entries.get(name)!;
    if (entry.type !== 'F32' || String(entry.shape) !== String(shape))
      throw new Error(`${where} is damaged: it has no ${name} of type F32 and shape [${shape.join(', ')}].`);
  }
  const done = Number(metadata.done);
  const beside = besideOf(metadata.beside);
  if (!Number.isSafeInteger(done) || done < 0 || !beside)
    throw new Error(`${where} is damaged: it does not say how far it was.`);
  for (const [name, tensor] of step.tensors) tensor.write(new Float32Array(await source.read(entries.get(name)!)));
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
