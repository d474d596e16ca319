/** The files through which weights reach ONNX Runtime. */
import { rmSync } from 'node:fs';
import { type FileHandle, mkdtemp, open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { OnnxInitializer, OnnxProgram } from '@working-papers/graph';
import { formatShape } from './element.ts';

/** A new file in the temporary folder without a name there: it is gone when nobody has it open or mapped. Not on Windows. */
export async function openTemporaryFile(label: string): Promise<FileHandle> {
  const folder = await makeFolder(label);
  try {
    return await open(path.join(folder, 'weights'), 'wx+', 0o600);
  } finally {
    removeFolder(folder);
  }
}

/** Writes one weight; JavaScript holds its bytes no longer than this takes. */
export async function writeWeight(
  file: FileHandle,
  { name, dtype, shape, length, bytes }: OnnxInitializer,
  offset: number,
  label: string,
  signal: AbortSignal | undefined,
): Promise<void> {
  signal?.throwIfAborted();
  const data = await bytes();
  if (data.byteLength !== length) {
    throw new Error(
      `${label}: weight "${name}" (${dtype} ${formatShape(shape)}) needs ${length} bytes; its source gave ${data.byteLength}.`,
    );
  }
  await writeAt(file, data, offset).catch((cause: Error) => {
    throw new Error(
      `${label}: weight "${name}" could not be written to ${tmpdir()} (${cause.message}). ` +
        'Weights pass through the temporary folder; free space there or name another one in TMPDIR.',
      { cause },
    );
  });
}

/** A folder with the file of weights that the model names, for ONNX Runtime to map itself. */
export async function writeFolder(
  { initializers, location }: OnnxProgram,
  label: string,
  signal: AbortSignal | undefined,
): Promise<string> {
  const folder = await makeFolder(label);
  try {
    const file = await open(path.join(folder, location), 'w');
    try {
      for (const initializer of initializers) await writeWeight(file, initializer, initializer.offset, label, signal);
    } finally {
      await file.close();
    }
    return folder;
  } catch (error) {
    removeFolder(folder);
    throw error;
  }
}

/** Removes the folder; gives it back where the system keeps files that are mapped (Windows). */
export function removeFolder(folder: string | undefined): string | undefined {
  try {
    if (folder) rmSync(folder, { recursive: true, force: true });
    return undefined;
  } catch {
    return folder;
  }
}

async function makeFolder(label: string): Promise<string> {
  try {
    return await mkdtemp(path.join(tmpdir(), 'working-papers-weights-'));
  } catch (cause) {
    throw new Error(
      `${label}: weights pass through the temporary folder, and ${tmpdir()} cannot be written (${(cause as Error).message}); ` +
        'name another one in TMPDIR.',
      { cause },
    );
  }
}

/** Writes all of `data`, in pieces that every system takes. */
async function writeAt(file: FileHandle, data: Uint8Array, offset: number): Promise<void> {
  for (let done = 0; done < data.byteLength; ) {
    const { bytesWritten } = await file.write(data, done, Math.min(data.byteLength - done, 1 << 30), offset + done);
    done += bytesWritten;
  }
}
