/** What a model looks at, from files. */
import type { Image, ImageInput, Pixels } from '@working-papers/models';
import { UsageError } from './problems.ts';

export interface ImageFlags {
  image?: string[];
  pixels?: string;
}

/** A model that looks, as far as pixels for it are concerned. */
interface Looker {
  preparePixels(images: readonly Image[]): Pixels;
}

/** Checks the flags before a model is opened: images or pixels, not both. */
export function checkImageFlags({ image, pixels }: ImageFlags, command: string): void {
  if ((image === undefined) === (pixels === undefined)) {
    throw new UsageError(
      `Give images, --image FILE..., or prepared pixels, --pixels FILE.npy. See "${command} --help".`,
    );
  }
}

/** Images from files, or pixels as they are. */
export async function imagesOf({ image = [], pixels }: ImageFlags): Promise<ImageInput> {
  const { readImage, readPixels } = await import('@working-papers/models/node');
  return pixels === undefined ? Promise.all(image.map(readImage)) : readPixels(pixels);
}

/** The pixels of images from files as the model's preprocessor makes them, or of a `.npy` file as they are. */
export async function pixelsOf(model: Looker, flags: ImageFlags): Promise<Pixels> {
  const images = await imagesOf(flags);
  return 'shape' in images ? images : model.preparePixels(images);
}

/** What images are called in output: their files, or their numbers. */
export function imageNames({ image, pixels }: ImageFlags, count: number): string[] {
  return Array.from({ length: count }, (_, index) => image?.[index] ?? `${pixels} ${index + 1}`);
}
