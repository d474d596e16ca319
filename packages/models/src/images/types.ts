/** An image in memory: red, green and blue of each pixel, row by row. */
export interface Image {
  readonly width: number;
  readonly height: number;
  /** `width * height * 3` */
  readonly data: Uint8Array;
}

/** What a model looks at: `[images, channels, height, width]`, normalised as it expects. */
export interface Pixels {
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

/** The filters of Pillow's `resize`. */
export type Filter = 'nearest' | 'box' | 'bilinear' | 'hamming' | 'bicubic' | 'lanczos';

/** What happens to an image before a model looks at it, in this order; fields of `preprocessor_config.json`. */
export interface Preprocessing {
  resize?: { to: { shortestEdge: number; longestEdge?: number } | { height: number; width: number }; filter: Filter };
  centreCrop?: { height: number; width: number };
  /** Each value from 0 to 255 is multiplied by this, and then has the mean of its channel taken off and is divided by its deviation. */
  rescale?: number;
  normalise?: { mean: readonly number[]; deviation: readonly number[] };
}

/** Pixels of an image at most, at every stage: 200 MB as red, green and blue. */
export const mostPixels = 2 ** 26;

/** A file that is no image or no array of pixels, or one that is refused; the message is a sentence for people. */
export class ImageError extends Error {
  override name = 'ImageError';
}
