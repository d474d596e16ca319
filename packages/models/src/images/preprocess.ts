import { resample } from './resample.ts';
import { type Image, ImageError, type Pixels, type Preprocessing } from './types.ts';

/** Prepares images for a model: all must come out at one size. Throws a sentence where they do not. */
export function preprocess(images: readonly Image[], preprocessing: Preprocessing): Pixels {
  if (images.length === 0) throw new ImageError('There is no image; give at least one.');
  const prepared = images.map((image) => prepare(image, preprocessing));
  const { width, height } = prepared[0]!;
  const odd = prepared.findIndex((image) => image.width !== width || image.height !== height);
  if (odd >= 0) {
    throw new ImageError(
      `Image ${odd + 1} comes out at ${prepared[odd]!.width} x ${prepared[odd]!.height} pixels and the first at ${width} x ${height}; give images of one shape, or one at a time.`,
    );
  }
  const data = new Float32Array(images.length * 3 * width * height);
  for (const [index, image] of prepared.entries()) {
    data.set(normalised(image, preprocessing), index * 3 * width * height);
  }
  return { shape: [images.length, 3, height, width], data };
}

function prepare(image: Image, { resize, centreCrop }: Preprocessing): Image {
  const sized = resize ? resample(image, ...resizedTo(image, resize.to), resize.filter) : image;
  return centreCrop ? cropCentre(sized, centreCrop.width, centreCrop.height) : sized;
}

type Target = NonNullable<Preprocessing['resize']>['to'];

/** Width and height after resizing; the longer side is cut to a whole number, as transformers does. */
function resizedTo({ width, height }: Image, to: Target): [number, number] {
  if ('height' in to) return [to.width, to.height];
  const [short, long] = [Math.min(width, height), Math.max(width, height)];
  const { shortestEdge, longestEdge } = to;
  let edge = shortestEdge;
  let exact = shortestEdge;
  if (longestEdge !== undefined && (long / short) * shortestEdge > longestEdge) {
    exact = (longestEdge * short) / long;
    edge = Math.max(1, roundHalfEven(exact));
  }
  const other = short === edge && longestEdge !== undefined ? long : Math.trunc((exact * long) / short);
  return width <= height ? [edge, other] : [other, edge];
}

/** As Python rounds. */
function roundHalfEven(value: number): number {
  const whole = Math.round(value);
  return Math.abs(value % 1) === 0.5 && whole % 2 !== 0 ? whole - 1 : whole;
}

/** The middle of an image; what is larger than the image gets black around it. */
function cropCentre({ width, height, data }: Image, toWidth: number, toHeight: number): Image {
  const result = new Uint8Array(toWidth * toHeight * 3);
  const [left, top] = [cropStart(width, toWidth), cropStart(height, toHeight)];
  const [from, to] = [Math.max(0, left), Math.min(width, left + toWidth)];
  for (let row = 0; row < toHeight; row++) {
    const source = row + top;
    if (source < 0 || source >= height) continue;
    result.set(
      data.subarray((source * width + from) * 3, (source * width + to) * 3),
      (row * toWidth + from - left) * 3,
    );
  }
  return { width: toWidth, height: toHeight, data: result };
}

/** The first sample of the middle; negative where there are fewer samples than are wanted. */
const cropStart = (size: number, wanted: number): number =>
  size >= wanted ? Math.floor((size - wanted) / 2) : -Math.ceil((wanted - size) / 2);

/** `[3, height, width]` */
function normalised({ width, height, data }: Image, { rescale, normalise }: Preprocessing): Float32Array {
  const count = width * height;
  const values = new Float32Array(3 * count);
  const round = Math.fround;
  for (let channel = 0; channel < 3; channel++) {
    const mean = round(normalise?.mean[channel] ?? 0);
    const deviation = round(normalise?.deviation[channel] ?? 1);
    // A value is one of 256.
    const table = Float32Array.from(
      { length: 256 },
      (_, value) => round(round(value * (rescale ?? 1)) - mean) / deviation,
    );
    for (let i = 0; i < count; i++) values[channel * count + i] = table[data[i * 3 + channel]!]!;
  }
  return values;
}
