/** Students that are kept between runs: what was trained once is not trained again, and what was broken off goes on. */
import { joinedPieces, parseSafetensorsHeader, safetensorsFile, safetensorsHeaderLength } from '@working-papers/models';
import type { RunContext } from '../../contract.ts';
import { type Student, studentOf } from './student.ts';
import type { Kept } from './student-training.ts';

/** A student and what is to be known of its making, fit for JSON. */
export interface KeptStudent<About> {
  student: Student;
  about: About;
}

/**
 * The student under `key`, or what `make` makes, kept from then on. While it is made, its training is kept under the same key and goes on
 * from there after a kill.
 */
export async function keptStudent<About>(
  store: RunContext['store'],
  key: string,
  config: Student['config'],
  make: (training: Kept) => Promise<KeptStudent<About>>,
): Promise<KeptStudent<About> & { found: boolean }> {
  const bytes = await store.get(`${key} student`);
  if (bytes && bytes.byteLength > 0) return { ...(readStudent(bytes, config) as KeptStudent<About>), found: true };
  const training = keptTraining(store, key);
  const made = await make(training);
  await store.put(`${key} student`, await studentBytes(made.student, made.about));
  await training.put(new Uint8Array());
  return { ...made, found: false };
}

/** A place for the checkpoint of one training. */
export const keptTraining = (store: RunContext['store'], key: string): Kept => ({
  get: () => store.get(`${key} training`),
  put: (bytes) => store.put(`${key} training`, bytes),
});

/** Forgets what is kept under a key. */
export async function forget(store: RunContext['store'], key: string): Promise<void> {
  for (const name of ['student', 'training']) {
    const bytes = await store.get(`${key} ${name}`);
    if (bytes && bytes.byteLength > 0) await store.put(`${key} ${name}`, new Uint8Array());
  }
}

function studentBytes({ tensors }: Student, about: unknown): Promise<Uint8Array> {
  const plain = [...tensors.values()].map(({ name, shape, bytes }) => ({ name, shape, type: 'F32' as const, bytes }));
  return joinedPieces(safetensorsFile(plain, { about: JSON.stringify(about) }));
}

function readStudent(bytes: Uint8Array, config: Student['config']): KeptStudent<unknown> {
  const length = safetensorsHeaderLength(bytes.subarray(0, 8), bytes.byteLength);
  const { entries, metadata } = parseSafetensorsHeader(bytes.subarray(8, 8 + length), bytes.byteLength);
  const values = new Map(
    entries.map(({ name, start, end }) => [name, new Float32Array(bytes.slice(start, end).buffer as ArrayBuffer)]),
  );
  return { student: studentOf(config, values), about: JSON.parse(metadata.about!) };
}
