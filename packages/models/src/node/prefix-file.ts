import { safetensorsFile } from '../formats/safetensors.ts';
import type { PrefixCache } from '../generation/types.ts';
import { nameOf, type Owner, openOwned } from './owned-file.ts';
import { bytesOf } from './tensor-file.ts';
import { writeWhole } from './write-whole.ts';

const format = 'working-papers prefixes 1';

/** Writes all that a cache of prefixes holds, as safetensors whose header names the model; under a temporary name until it is whole. */
export async function savePrefixes(path: string, prefixes: PrefixCache, model: Owner): Promise<void> {
  const shape = shapeOf(model);
  const sequences = [...prefixes.sequences()];
  const tensors = sequences.flatMap(({ ids, entries }, number) => {
    // A sequence is copied from the device's memory when its first tensor is written, and kept till the next one's.
    let copied: ReturnType<typeof entries> | undefined;
    const read = () => {
      copied ??= entries();
      return copied;
    };
    return [
      {
        name: `${number}.ids`,
        type: 'I64' as const,
        shape: [ids.length],
        bytes: async () => bytesOf(BigInt64Array.from(ids, BigInt)),
      },
      ...Array.from({ length: 2 * shape.layers }, (_, i) => ({
        name: `${number}.${i % 2 === 0 ? 'keys' : 'values'}.${i >> 1}`,
        type: 'F32' as const,
        shape: [shape.kvHeads, ids.length, shape.headDim],
        bytes: async () => bytesOf((i % 2 === 0 ? read().keys : read().values)[i >> 1]!),
      })),
    ];
  });
  await writeWhole(path, safetensorsFile(tensors, { format, ...nameOf(model), sequences: String(sequences.length) }));
}

/**
 * Adds what {@link savePrefixes} wrote and says how many sequences it was. Throws a sentence for a file of another model or of the same
 * one with other weights, and for one that is damaged.
 */
export async function loadPrefixes(path: string, prefixes: PrefixCache, model: Owner): Promise<number> {
  const { entries, read } = await openOwned(path, model, {
    format,
    not: 'holds no prefixes; it was not written by savePrefixes.',
  });
  const shape = shapeOf(model);
  const count = [...entries.keys()].filter((name) => /^\d+\.ids$/.test(name)).length;
  for (let number = 0; number < count; number++) {
    const sequence = entries.get(`${number}.ids`)?.count ?? 0;
    const ids = Array.from(new BigInt64Array(await read(`${number}.ids`, 'I64', [sequence])), Number);
    const layers = async (kind: string) => {
      const read32: Float32Array[] = [];
      for (let layer = 0; layer < shape.layers; layer++) {
        const name = `${number}.${kind}.${layer}`;
        read32.push(new Float32Array(await read(name, 'F32', [shape.kvHeads, sequence, shape.headDim])));
      }
      return read32;
    };
    prefixes.add(ids, { sequence, keys: await layers('keys'), values: await layers('values') });
  }
  return count;
}

function shapeOf(model: Owner): { layers: number; kvHeads: number; headDim: number } {
  const cache = model.createCache(1);
  const { layers, kvHeads, headDim } = cache;
  cache.release();
  return { layers, kvHeads, headDim };
}
