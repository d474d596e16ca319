/** Other kinds of pixels as red, green and blue, in the arithmetic of Pillow. */

/** `a * b / 255`, rounded. */
const scaled = (a: number, b: number): number => {
  const product = a * b + 128;
  return (product + (product >> 8)) >> 8;
};

/** Red, green, blue and alpha laid over white, as transformers' processors do with `do_convert_rgb`. */
export function overWhite(pixels: Uint8Array): Uint8Array {
  const rgb = new Uint8Array((pixels.length / 4) * 3);
  for (let from = 0, to = 0; from < pixels.length; from += 4, to += 3) {
    const front = pixels[from + 3]! * 128; // alpha in 1/128
    const rest = 255 * 128 - front;
    for (let channel = 0; channel < 3; channel++) {
      const sum = pixels[from + channel]! * front + 255 * rest + (128 << 7);
      rgb[to + channel] = ((sum >> 8) + sum) >> 15;
    }
  }
  return rgb;
}

/** Cyan, magenta, yellow and black. */
export function ofInks(pixels: Uint8Array): Uint8Array {
  const rgb = new Uint8Array((pixels.length / 4) * 3);
  for (let from = 0, to = 0; from < pixels.length; from += 4, to += 3) {
    const light = 255 - pixels[from + 3]!;
    for (let ink = 0; ink < 3; ink++) rgb[to + ink] = light - scaled(pixels[from + ink]!, light);
  }
  return rgb;
}
