/** Caches in files: what a text has had is read once and gone on with another day. */
import { show } from '../formats/element-types.ts';
import { safetensorsFile } from '../formats/safetensors.ts';
import type { SlotCache, SlotEntries } from '../generation/slot-types.ts';
import type { KVCache } from '../generation/types.ts';
import { nameOf, type Owner, openOwned } from './owned-file.ts';
import { bytesOf, type TensorFile } from './tensor-file.ts';
import { writeWhole } from './write-whole.ts';

const format = 'working-papers cache 1';

const inSlots = (cache: SlotCache | KVCache): cache is SlotCache => 'options' in cache;

/** What must be the same for entries to mean the same; how many fit is the new cache's own. */
function layoutOf(cache: SlotCache | KVCache): string {
  if (!inSlots(cache)) return 'in order';
  const { ring, keys = 'rotated', distances, heads = 'together' } = cache.options;
  return JSON.stringify({ ring, keys, distances, heads });
}

/**
 * Writes what every row of a cache (in order or of slots) holds, as safetensors whose header names the model; under a temporary name
 * until it is whole. One row is in memory at a time.
 */
export async function saveCache(path: string, cache: SlotCache | KVCache, model: Owner): Promise<void> {
  const tensors = Array.from({ length: cache.rows }, (_, row) =>
    inSlots(cache) ? slotTensors(cache, row) : orderedTensors(cache, row),
  ).flat();
  const lengths = {
    name: 'lengths',
    type: 'I64' as const,
    shape: [cache.rows],
    bytes: async () => bytesOf(BigInt64Array.from(cache.lengths, BigInt)),
  };
  await writeWhole(path, safetensorsFile([lengths, ...tensors], { format, ...nameOf(model), layout: layoutOf(cache) }));
}

type Tensor = Parameters<typeof safetensorsFile>[0] extends Iterable<infer One> ? One : never;

function orderedTensors(cache: KVCache, row: number): Tensor[] {
  const shape = [cache.kvHeads, cache.lengths[row]!, cache.headDim];
  const read = once(() => cache.read(row));
  return layersOf(cache).flatMap((layer) =>
    (['keys', 'values'] as const).map((kind) => ({
      name: `${row}.${kind}.${layer}`,
      type: 'F32' as const,
      shape,
      bytes: async () => bytesOf(read()[kind][layer]!),
    })),
  );
}

/** Of each layer, its heads' entries behind each other, and how many each head has. */
function slotTensors(cache: SlotCache, row: number): Tensor[] {
  const read = once(() => cache.read(row));
  const next: Tensor = {
    name: `${row}.next`,
    type: 'F64',
    shape: [1],
    bytes: async () => bytesOf(Float64Array.of(read().next!)),
  };
  const layers = layersOf(cache).flatMap((layer): Tensor[] => {
    const heads = Array.from({ length: cache.kvHeads }, (_, head) => head);
    const apart = cache.options.heads === 'apart';
    const counts = heads.map((head) => cache.held(row, apart ? { layer, head } : undefined).slots.length);
    const total = counts.reduce((sum, count) => sum + count, 0);
    const joined = (kind: 'key' | 'value') => {
      const values = new Float32Array(total * cache.headDim);
      let at = 0;
      for (const { [kind]: own } of read().heads[layer]!) {
        values.set(own, at);
        at += own.length;
      }
      return values;
    };
    const listed = (kind: 'places' | 'positions') => read().heads[layer]!.flatMap((head) => head[kind]);
    const tensor = (
      name: string,
      type: 'F32' | 'F64' | 'I64',
      shape: number[],
      values: () => ArrayBufferView,
    ): Tensor => ({
      name: `${row}.${name}.${layer}`,
      type,
      shape,
      bytes: async () => bytesOf(values()),
    });
    return [
      tensor('counts', 'I64', [cache.kvHeads], () => BigInt64Array.from(counts, BigInt)),
      tensor('places', 'I64', [total], () => BigInt64Array.from(listed('places'), BigInt)),
      tensor('positions', 'F64', [total], () => Float64Array.from(listed('positions'))),
      tensor('keys', 'F32', [total, cache.headDim], () => joined('key')),
      tensor('values', 'F32', [total, cache.headDim], () => joined('value')),
    ];
  });
  return [next, ...layers];
}

/**
 * Puts what {@link saveCache} wrote into a cache of as many rows that `model` made with the same options, in place of what it holds.
 * Memory is the cache's own: a file decides none. Throws a sentence for a file of another model, of other options, or that is damaged; a
 * row that does not fit leaves the cache with the rows before it.
 */
export async function loadCache(path: string, cache: SlotCache | KVCache, model: Owner): Promise<void> {
  const file = await openOwned(path, model, { format, not: 'holds no cache; it was not written by saveCache.' });
  const layout = layoutOf(cache);
  if (file.metadata.layout !== layout) {
    throw new Error(
      `${path} holds a cache that is ${show(String(file.metadata.layout))}; this one is ${show(layout)}.`,
    );
  }
  const lengths = numbersOf(await file.read('lengths', 'I64', [cache.rows]));
  const odd = lengths.find((length) => !(length >= 0 && Number.isSafeInteger(length)));
  if (odd !== undefined) throw new Error(`${path} is damaged: a text in it has had ${odd} tokens.`);
  for (const [row, length] of lengths.entries()) {
    if (inSlots(cache)) cache.load(row, await slotEntries(path, file, cache, row, length));
    else {
      if (length > cache.capacity)
        throw new Error(`${length} tokens of row ${row} of ${path} do not fit into a cache of ${cache.capacity}.`);
      const shape = [cache.kvHeads, length, cache.headDim];
      const read = async (kind: string) => {
        const layers: Float32Array[] = [];
        for (const layer of layersOf(cache))
          layers.push(new Float32Array(await file.read(`${row}.${kind}.${layer}`, 'F32', shape)));
        return layers;
      };
      cache.truncate(row, 0);
      cache.load(row, { sequence: length, keys: await read('keys'), values: await read('values') });
    }
  }
}

async function slotEntries(
  path: string,
  file: TensorFile,
  cache: SlotCache,
  row: number,
  length: number,
): Promise<SlotEntries> {
  const { kvHeads, headDim } = cache;
  const heads: SlotEntries['heads'] = [];
  for (const layer of layersOf(cache)) {
    const counts = numbersOf(await file.read(`${row}.counts.${layer}`, 'I64', [kvHeads]));
    if (counts.some((count) => !(count >= 0 && count <= cache.capacity))) {
      throw new Error(
        `Heads of layer ${layer} in row ${row} of ${path} hold ${counts.join(', ')} tokens; this cache holds from 0 to ${cache.capacity}.`,
      );
    }
    const total = counts.reduce((sum, count) => sum + count, 0);
    const read = (name: string, type: 'F32' | 'F64' | 'I64', ...shape: number[]) =>
      file.read(`${row}.${name}.${layer}`, type, shape);
    const places = numbersOf(await read('places', 'I64', total));
    const positions = [...new Float64Array(await read('positions', 'F64', total))];
    const key = new Float32Array(await read('keys', 'F32', total, headDim));
    const value = new Float32Array(await read('values', 'F32', total, headDim));
    let from = 0;
    heads.push(
      counts.map((count) => {
        const [start, end] = [from, from + count];
        from = end;
        const part = (values: Float32Array) => values.subarray(start * headDim, end * headDim);
        return {
          places: places.slice(start, end),
          positions: positions.slice(start, end),
          key: part(key),
          value: part(value),
        };
      }),
    );
  }
  const [next] = new Float64Array(await file.read(`${row}.next`, 'F64', [1]));
  return { length, next: next!, keys: cache.options.keys ?? 'rotated', heads };
}

const layersOf = ({ layers }: { layers: number }): number[] => Array.from({ length: layers }, (_, layer) => layer);

const numbersOf = (bytes: ArrayBuffer): number[] => Array.from(new BigInt64Array(bytes), Number);

function once<T>(make: () => T): () => T {
  let made: T | undefined;
  return () => {
    made ??= make();
    return made;
  };
}
