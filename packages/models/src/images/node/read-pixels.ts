import { parseNpy } from '../npy.ts';
import { ImageError, type Pixels } from '../types.ts';
import { readBytes } from './decode.ts';

/** Pixels out of a `.npy` file: `[images, channels, height, width]`, or one image without the first axis. */
export async function readPixels(path: string): Promise<Pixels> {
  try {
    const pixels = parseNpy(await readBytes(path));
    if (pixels.shape.length === 4) return pixels;
    throw new ImageError(
      `The array has the shape [${pixels.shape.join(', ')}]; pixels are [images, channels, height, width].`,
    );
  } catch (error) {
    if (error instanceof ImageError && !error.message.includes(path))
      throw new ImageError(`${path}: ${error.message}`, { cause: error });
    throw error;
  }
}
