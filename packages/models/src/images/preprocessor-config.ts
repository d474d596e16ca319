import type { ModelConfig } from '../formats/types.ts';
import { type Filter, ImageError, type Preprocessing } from './types.ts';

/** Pillow's numbers of its filters. */
const filters: readonly Filter[] = ['nearest', 'lanczos', 'bilinear', 'bicubic', 'box', 'hamming'];

/** The largest side that images are resized or cropped to. */
const largestSide = 4096;

const imageNetHalf = { mean: [0.5, 0.5, 0.5], deviation: [0.5, 0.5, 0.5] };
const openAi = {
  mean: [0.48145466, 0.4578275, 0.40821073],
  deviation: [0.26862954, 0.26130258, 0.27577711],
};

/** What a processor does where its file does not say: CLIP's and ViT's, by transformers. */
const defaults = {
  clip: { do_center_crop: true, resample: 3, image_mean: openAi.mean, image_std: openAi.deviation },
  vit: { do_center_crop: false, resample: 2, image_mean: imageNetHalf.mean, image_std: imageNetHalf.deviation },
};

/**
 * Reads a `preprocessor_config.json` (in transformers 5 also `image_processor` of `processor_config.json`); without one, what
 * transformers does by default for the model, at the model's own size. Throws a sentence where it asks for something that is not
 * done here.
 */
export function preprocessingOf(given: Record<string, unknown> | undefined, config: ModelConfig): Preprocessing {
  const named = String(given?.image_processor_type ?? given?.feature_extractor_type ?? config.model_type);
  const clip = /clip/i.test(named);
  const vision = (config.vision_config ?? config) as ModelConfig;
  const fields: Record<string, unknown> = { ...defaults[clip ? 'clip' : 'vit'], ...given };
  if (fields.do_pad === true) throw new ImageError("The model's images are padded (do_pad), which is not done here.");
  const own = typeof vision.image_size === 'number' ? vision.image_size : 224;
  const preprocessing: Preprocessing = {};
  if (fields.do_resize !== false) {
    preprocessing.resize = { to: sizeOf(fields.size ?? own, clip), filter: filterOf(fields.resample) };
  }
  if (fields.do_center_crop === true) {
    const crop = sizeOf(fields.crop_size ?? own, false);
    if (!('height' in crop)) throw new ImageError('crop_size must have height and width.');
    preprocessing.centreCrop = crop;
  }
  if (fields.do_rescale !== false)
    preprocessing.rescale = numbersOf(fields.rescale_factor ?? 1 / 255, 'rescale_factor', 1)[0]!;
  if (fields.do_normalize !== false) {
    const deviation = numbersOf(fields.image_std, 'image_std', 3);
    if (deviation.includes(0)) throw new ImageError('image_std holds a 0, by which nothing can be divided.');
    preprocessing.normalise = { mean: numbersOf(fields.image_mean, 'image_mean', 3), deviation };
  }
  return preprocessing;
}

function sizeOf(value: unknown, byShortestEdge: boolean): NonNullable<Preprocessing['resize']>['to'] {
  if (typeof value === 'number') {
    const side = sideOf(value, 'size');
    return byShortestEdge ? { shortestEdge: side } : { height: side, width: side };
  }
  const { height, width, shortest_edge, longest_edge } = (value ?? {}) as Record<string, unknown>;
  if (shortest_edge !== undefined && shortest_edge !== null) {
    const shortestEdge = sideOf(shortest_edge, 'shortest_edge');
    if (longest_edge === undefined || longest_edge === null) return { shortestEdge };
    return { shortestEdge, longestEdge: sideOf(longest_edge, 'longest_edge') };
  }
  if (height === undefined || width === undefined) {
    throw new ImageError(
      `The model's images are resized to ${JSON.stringify(value)?.slice(0, 80)}; height and width, or shortest_edge, are understood.`,
    );
  }
  return { height: sideOf(height, 'height'), width: sideOf(width, 'width') };
}

function sideOf(value: unknown, field: string): number {
  if (typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= largestSide) return value;
  throw new ImageError(
    `${field} of the preprocessor is ${String(value).slice(0, 40)}; it must be a whole number from 1 to ${largestSide}.`,
  );
}

function filterOf(value: unknown): Filter {
  const filter = typeof value === 'number' ? filters[value] : undefined;
  if (filter) return filter;
  throw new ImageError(
    `resample of the preprocessor is ${String(value).slice(0, 40)}; it must be one of 0 to 5, Pillow's filters.`,
  );
}

/** One number, or one a channel; a single one counts for all. */
function numbersOf(value: unknown, field: string, count: number): number[] {
  const numbers = typeof value === 'number' ? Array<number>(count).fill(value) : value;
  if (Array.isArray(numbers) && numbers.length === count && numbers.every((number) => Number.isFinite(number)))
    return numbers;
  throw new ImageError(`${field} of the preprocessor is not ${count === 1 ? 'a number' : `${count} numbers`}.`);
}
