/** Resizing as Pillow does it, to the last bit: 8-bit values, fixed-point weights, rows first. */
import { type Filter, type Image, ImageError, mostPixels } from './types.ts';

/** A filter's half width, and its weight at a distance. */
interface Kernel {
  support: number;
  weight(x: number): number;
}

const sinc = (x: number): number => (x === 0 ? 1 : Math.sin(x * Math.PI) / (x * Math.PI));

const kernels: Record<Exclude<Filter, 'nearest'>, Kernel> = {
  box: { support: 0.5, weight: (x) => (x > -0.5 && x <= 0.5 ? 1 : 0) },
  bilinear: { support: 1, weight: (x) => Math.max(0, 1 - Math.abs(x)) },
  hamming: {
    support: 1,
    weight: (x) => (Math.abs(x) >= 1 ? 0 : sinc(x) * (0.54 + 0.46 * Math.cos(x * Math.PI))),
  },
  bicubic: { support: 2, weight: (x) => cubic(Math.abs(x)) },
  lanczos: { support: 3, weight: (x) => (x >= -3 && x < 3 ? sinc(x) * sinc(x / 3) : 0) },
};

/** Keys' cubic convolution kernel with a = -0.5. */
function cubic(x: number): number {
  const a = -0.5;
  if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  return x < 2 ? (((x - 5) * x + 8) * x - 4) * a : 0;
}

/** Bits behind the point of a weight: 8 of the value and 2 for what filters overshoot are left of 32. */
const precision = 22;

/**
 * The image at another size. When it gets smaller the filter widens with the scale, so nothing aliases. Throws a sentence where
 * the result, or the image between the two passes, would pass {@link mostPixels}.
 */
export function resample(image: Image, width: number, height: number, filter: Filter): Image {
  if (!(width >= 1 && height >= 1) || Math.max(width * height, width * image.height) > mostPixels) {
    throw new ImageError(
      `An image of ${image.width} x ${image.height} pixels is not resized to ${width} x ${height}: sizes go from 1 to ${mostPixels} pixels in all.`,
    );
  }
  if (filter === 'nearest') return nearest(image, width, height);
  const kernel = kernels[filter];
  const narrowed = width === image.width ? image : acrossRows(image, width, kernel);
  return height === image.height ? narrowed : downColumns(narrowed, height, kernel);
}

/** The samples that a place is made of: first one, count, and weights in fixed point. */
interface Mixture {
  firsts: Int32Array;
  counts: Int32Array;
  /** `places * most` */
  weights: Int32Array;
  most: number;
}

function mixtures(from: number, to: number, { support, weight }: Kernel): Mixture {
  const scale = from / to;
  const stretch = Math.max(1, scale);
  const reach = support * stretch;
  const most = Math.ceil(reach) * 2 + 1;
  const mixture = { firsts: new Int32Array(to), counts: new Int32Array(to), weights: new Int32Array(to * most), most };
  const exact = new Float64Array(most);
  for (let place = 0; place < to; place++) {
    const centre = (place + 0.5) * scale;
    const first = Math.max(0, Math.trunc(centre - reach + 0.5));
    const count = Math.min(from, Math.trunc(centre + reach + 0.5)) - first;
    let sum = 0;
    for (let i = 0; i < count; i++) {
      exact[i] = weight((i + first - centre + 0.5) / stretch);
      sum += exact[i]!;
    }
    for (let i = 0; i < count; i++) {
      const share = (sum === 0 ? exact[i]! : exact[i]! / sum) * (1 << precision);
      mixture.weights[place * most + i] = Math.trunc(share < 0 ? share - 0.5 : share + 0.5);
    }
    mixture.firsts[place] = first;
    mixture.counts[place] = count;
  }
  return mixture;
}

/** A sum of weighted values as a value from 0 to 255. */
const rounded = (sum: number): number => Math.min(255, Math.max(0, (sum + (1 << (precision - 1))) >> precision));

function acrossRows({ width, height, data }: Image, to: number, kernel: Kernel): Image {
  const { firsts, counts, weights, most } = mixtures(width, to, kernel);
  const result = new Uint8Array(to * height * 3);
  let at = 0;
  for (let row = 0; row < height; row++) {
    for (let place = 0; place < to; place++) {
      let [red, green, blue] = [0, 0, 0];
      let from = (row * width + firsts[place]!) * 3;
      const end = place * most + counts[place]!;
      for (let i = place * most; i < end; i++) {
        const weight = weights[i]!;
        red += data[from++]! * weight;
        green += data[from++]! * weight;
        blue += data[from++]! * weight;
      }
      result[at++] = rounded(red);
      result[at++] = rounded(green);
      result[at++] = rounded(blue);
    }
  }
  return { width: to, height, data: result };
}

function downColumns({ width, height, data }: Image, to: number, kernel: Kernel): Image {
  const { firsts, counts, weights, most } = mixtures(height, to, kernel);
  const line = width * 3;
  const result = new Uint8Array(line * to);
  const sums = new Float64Array(line);
  for (let place = 0; place < to; place++) {
    sums.fill(0);
    for (let i = 0; i < counts[place]!; i++) {
      const weight = weights[place * most + i]!;
      const from = (firsts[place]! + i) * line;
      for (let x = 0; x < line; x++) sums[x] = sums[x]! + data[from + x]! * weight;
    }
    for (let x = 0; x < line; x++) result[place * line + x] = rounded(sums[x]!);
  }
  return { width, height: to, data: result };
}

function nearest({ width, height, data }: Image, toWidth: number, toHeight: number): Image {
  const [columns, rows] = [nearestPlaces(width, toWidth), nearestPlaces(height, toHeight)];
  const result = new Uint8Array(toWidth * toHeight * 3);
  let at = 0;
  for (const row of rows) {
    for (const column of columns) {
      const from = (row * width + column) * 3;
      result[at++] = data[from]!;
      result[at++] = data[from + 1]!;
      result[at++] = data[from + 2]!;
    }
  }
  return { width: toWidth, height: toHeight, data: result };
}

/** Added up step by step, as Pillow does: where steps are no binary fractions the sum decides which sample is nearest. */
function nearestPlaces(from: number, to: number): Int32Array {
  const step = from / to;
  const places = new Int32Array(to);
  let centre = step * 0.5;
  for (let place = 0; place < to; place++) {
    places[place] = Math.min(from - 1, Math.floor(centre));
    centre += step;
  }
  return places;
}
