/**
 * The prompts' caches as one safetensors file. Names count prompts and layers from 0: `prompt.3.ids` int64 `[tokens]` (the last one
 * is held back from the cache), `prompt.3.layers.0.key` and `.value` float32 `[kvHeads, tokens - 1, headDim]`, keys rotated.
 */
import { type CacheEntries, type DecoderModel, llamaConfig, safetensorsHeader } from '@working-papers/models';
import type { RunContext } from '../../contract.ts';

const formatVersion = '1';

/** Bytes of the keys and values of prompts of these ids, without their last tokens. */
export function cacheBytes(model: DecoderModel, prompts: readonly (readonly number[])[]): number {
  const { layers, kvHeads, headDim } = llamaConfig(model.config);
  const tokens = prompts.reduce((sum, ids) => sum + ids.length - 1, 0);
  return 2 * 4 * layers * kvHeads * headDim * tokens;
}

export interface CacheFile {
  /** The caches of the next prompts, in their order; undefined for a prompt of one token. */
  append(caches: readonly (CacheEntries | undefined)[]): Promise<void>;
  close(): Promise<void>;
}

/** Begins the artifact `caches.safetensors` for all prompts; their caches are appended as they are computed. */
export async function openCacheFile(
  model: DecoderModel,
  prompts: readonly (readonly number[])[],
  context: RunContext,
): Promise<CacheFile> {
  const { layers, kvHeads, headDim } = llamaConfig(model.config);
  const ids = prompts.map((prompt, index) => ({
    name: `prompt.${index}.ids`,
    type: 'I64' as const,
    shape: [prompt.length],
  }));
  const caches = prompts.flatMap((prompt, index) =>
    Array.from({ length: layers }, (_, layer) =>
      ['key', 'value'].map((kind) => ({
        name: `prompt.${index}.layers.${layer}.${kind}`,
        type: 'F32' as const,
        shape: [kvHeads, prompt.length - 1, headDim],
      })),
    ).flat(),
  );
  const sink = context.write('caches.safetensors', 'application/octet-stream');
  await sink.write(
    safetensorsHeader([...ids, ...caches], {
      format: 'working-papers caches',
      version: formatVersion,
      model: model.reference,
      sha256: model.sha256,
      ...(model.revision === undefined ? {} : { revision: model.revision }),
    }),
  );
  for (const prompt of prompts) await sink.write(bytesOf(BigInt64Array.from(prompt, BigInt)));
  return {
    async append(list) {
      for (const entries of list)
        for (let layer = 0; entries && layer < layers; layer++)
          for (const values of [entries.keys[layer]!, entries.values[layer]!]) await sink.write(bytesOf(values));
    },
    close: () => sink.close(),
  };
}

const bytesOf = ({ buffer, byteOffset, byteLength }: Float32Array | BigInt64Array) =>
  new Uint8Array(buffer, byteOffset, byteLength);
