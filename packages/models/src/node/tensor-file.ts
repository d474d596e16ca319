/** Safetensors files of our own making, told apart by the `format` in their header: caches, prefixes, states of training. */
import { WeightFile } from '../formats/node/weight-file.ts';
import { parseSafetensorsHeader, type SafetensorsEntry, safetensorsHeaderLength } from '../formats/safetensors.ts';

export interface TensorFile {
  entries: ReadonlyMap<string, SafetensorsEntry>;
  metadata: Readonly<Record<string, string>>;
  /** The entry of that name; throws a sentence where it has another type or shape. */
  entry(name: string, type: SafetensorsEntry['type'], shape: readonly number[]): SafetensorsEntry;
  /** Its bytes, in a buffer of their own. */
  read(name: string, type: SafetensorsEntry['type'], shape: readonly number[]): Promise<ArrayBuffer>;
}

/** Opens a file by its header. Throws a sentence for one that is not of this format (`not`, behind the path), and for one that is damaged. */
export async function openTensorFile(
  path: string,
  { format, not }: { format: string; not: string },
): Promise<TensorFile> {
  const file = await WeightFile.find(path);
  const length = safetensorsHeaderLength(await file.read(0, Math.min(8, file.bytes)), file.bytes);
  const { entries, metadata } = parseSafetensorsHeader(await file.read(8, 8 + length), file.bytes);
  if (metadata.format !== format) throw new Error(`${path} ${not}`);
  const byName = new Map(entries.map((entry) => [entry.name, entry]));
  const entryOf: TensorFile['entry'] = (name, type, shape) => {
    const entry = byName.get(name);
    if (entry && entry.type === type && String(entry.shape) === String(shape)) return entry;
    throw new Error(`${path} is damaged: it has no ${name} of type ${type} and shape [${shape.join(', ')}].`);
  };
  return {
    entries: byName,
    metadata,
    entry: entryOf,
    async read(name, type, shape) {
      const { start, end } = entryOf(name, type, shape);
      const bytes = await file.read(start, end);
      return bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength) as ArrayBuffer;
    },
  };
}

export function bytesOf({ buffer, byteOffset, byteLength }: ArrayBufferView): Uint8Array {
  return new Uint8Array(buffer as ArrayBuffer, byteOffset, byteLength);
}
