/** Sizes of a scan, as they are written. */

/** Sizes of a scan that names none and has no configuration. */
export const usualSizes = '1x32,2x64,3x128';

/** Models above it are trained one at a time with all threads; smaller ones side by side, a thread each. */
export const alone = 5_000_000;

/** Layers and width of `2x64`. */
export function sizeOf(size: string): [layers: number, width: number] {
  const [, layers, width] = /^(\d+)x(\d+)$/.exec(size) ?? [];
  const found: [number, number] = [Number(layers), Number(width)];
  if (!(found[0] >= 1 && found[0] <= 64 && found[1] >= 4 && found[1] <= 8192))
    throw new Error(`"${size}" is no size: give layers x width, as 2x64 (1 to 64 layers, 4 to 8192 wide).`);
  return found;
}
