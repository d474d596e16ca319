/** Images as sequences of patches (ViT, arXiv 2010.11929, section 3.1). */
import {
  add,
  concat,
  constant,
  expand,
  matmul,
  matrixTranspose,
  reshape,
  ShapeError,
  slice,
  type Tensor,
  transpose,
} from '@working-papers/graph';
import { showValue } from '../formats/element-types.ts';
import type { ModelConfig } from '../formats/types.ts';
import type { WeightSource } from '../types.ts';
import { wholeField } from './config-fields.ts';
import { type EncoderConfig, encoderConfigOf } from './encoder.ts';

/** Height and width, or rows and columns of patches. */
export type Extent = readonly [number, number];

/** The numbers of a model that looks at images. */
export interface VisionConfig extends EncoderConfig {
  channels: number;
  /** Pixels of the images that it was made for. */
  image: Extent;
  /** Pixels of a patch. */
  patch: Extent;
}

/** The largest side of an image, and of a patch, that a configuration is believed. */
const largestSide = 2 ** 14;

/** Reads the sizes that every model of images has; throws a sentence where one of them is none. */
export function visionConfig(
  config: ModelConfig,
  model: string,
  defaults: { activation: string; epsilon: number },
): VisionConfig {
  const [image, patch] = [extent(config, 'image_size', 224), extent(config, 'patch_size', 16)];
  const grid = gridOf(image, patch);
  if (!grid) {
    throw new Error(
      `${model} models cut an image into whole patches; image_size ${shown(image)} is no multiple of patch_size ${shown(patch)}.`,
    );
  }
  const channels = wholeField(config, 'num_channels', 3, 64);
  return {
    ...encoderConfigOf(config, model, defaults.activation),
    vocabulary: 0,
    epsilon: config.layer_norm_eps ?? defaults.epsilon,
    contextLength: grid[0] * grid[1] + 1,
    channels,
    image,
    patch,
  };
}

/**
 * Rows and columns of patches of the images that a graph is given; sizes that the graph leaves open are those of the
 * configuration. Throws a sentence for images that cannot be cut.
 */
export function patchGrid(pixels: Tensor, { channels, image, patch }: VisionConfig): Extent {
  const [, depth, height = image[0], width = image[1]] = pixels.shape.map((size) =>
    typeof size === 'number' ? size : undefined,
  );
  const grid = gridOf([height, width], patch);
  if (!grid || (depth ?? channels) !== channels) {
    throw new ShapeError(
      `Images of ${depth ?? channels} x ${height} x ${width} do not fit: the model takes ${channels} channels, ${shown(image)} pixels, or other multiples of its ${shown(patch)} patches.`,
    );
  }
  return grid;
}

/** Weights of a patch embedding by name: a convolution `[hidden, channels, height, width]` and, where there is one, its bias. */
export interface PatchWeights {
  projection: string;
  bias?: string;
  classToken: string;
  positions: string;
}

/**
 * A class token and the patches of each image row by row, with their positions added: `[images, 1 + patches, hidden]`. The
 * convolution, whose stride is its own size, is a product over patches. Positions of another grid than the model's are
 * interpolated as transformers does with `interpolate_pos_encoding`.
 */
export function embedPatches(weights: WeightSource, pixels: Tensor, config: VisionConfig, names: PatchWeights): Tensor {
  const { channels, hidden, patch, image } = config;
  const grid = patchGrid(pixels, config);
  const images = pixels.shape[0]!;
  const [rows, columns] = grid;
  const cut = reshape(pixels, [images, channels, rows, patch[0], columns, patch[1]]);
  const width = channels * patch[0] * patch[1];
  const laid = reshape(transpose(cut, [0, 2, 4, 1, 3, 5]), [images, rows * columns, width]);
  const kernel = reshape(weights.get(names.projection, [hidden, channels, ...patch]), [hidden, width]);
  const products = matmul(laid, matrixTranspose(kernel)); // [images, patches, hidden]
  const patches = names.bias ? add(products, weights.get(names.bias, [hidden])) : products;
  const first = expand(reshape(weights.get(names.classToken), [1, 1, hidden]), [images, 1, hidden]);
  const own = gridOf(image, patch)!;
  const table = reshape(weights.get(names.positions), [1 + own[0] * own[1], hidden]);
  return add(concat([first, patches], 1), positionsFor(table, own, grid));
}

/** The class token's position and the patches' `[1 + patches, hidden]`, the latter interpolated where the grid is another. */
function positionsFor(table: Tensor, own: Extent, grid: Extent): Tensor {
  if (own[0] === grid[0] && own[1] === grid[1]) return table;
  const weights = bicubicWeights(own, grid);
  const ofPatches = constant(weights, 'float32', [grid[0] * grid[1], own[0] * own[1]]);
  return concat([slice(table, 0, 0, 1), matmul(ofPatches, slice(table, 0, 1, table.shape[0] as number))], 0);
}

/** `[to rows * to columns, from rows * from columns]`: bicubic interpolation (a = -0.75, corners not aligned) as a product. */
function bicubicWeights(from: Extent, to: Extent): Float32Array {
  const [down, across] = [cubicLine(from[0], to[0]), cubicLine(from[1], to[1])];
  const weights = new Float32Array(to[0] * to[1] * from[0] * from[1]);
  let at = 0;
  for (let row = 0; row < to[0]; row++) {
    for (let column = 0; column < to[1]; column++) {
      for (let y = 0; y < from[0]; y++) {
        for (let x = 0; x < from[1]; x++) weights[at++] = down[row]![y]! * across[column]![x]!;
      }
    }
  }
  return weights;
}

/** For each of `to` places the weights of `from` samples; what lies outside of the line is its end. */
function cubicLine(from: number, to: number): Float64Array[] {
  return Array.from({ length: to }, (_, place) => {
    const centre = ((place + 0.5) * from) / to - 0.5;
    const base = Math.floor(centre);
    const line = new Float64Array(from);
    for (let tap = base - 1; tap <= base + 2; tap++) {
      const sample = Math.min(Math.max(tap, 0), from - 1);
      line[sample] = line[sample]! + cubic(Math.abs(centre - tap));
    }
    return line;
  });
}

/** Keys' cubic convolution kernel with a = -0.75, for distances from 0 to 2. */
function cubic(distance: number): number {
  const a = -0.75;
  if (distance <= 1) return ((a + 2) * distance - (a + 3)) * distance * distance + 1;
  return distance < 2 ? ((a * distance - 5 * a) * distance + 8 * a) * distance - 4 * a : 0;
}

function gridOf(image: Extent, patch: Extent): Extent | undefined {
  const grid = [image[0] / patch[0], image[1] / patch[1]] as const;
  return grid.every((count) => Number.isInteger(count) && count > 0) ? grid : undefined;
}

function extent(config: ModelConfig, field: string, otherwise: number): Extent {
  const value = config[field] ?? otherwise;
  const [height, width] = Array.isArray(value) && value.length === 2 ? value : [value, value];
  return [whole(height, field, largestSide), whole(width, field, largestSide)];
}

function whole(value: unknown, field: string, most: number): number {
  if (typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= most) return value;
  throw new Error(`${field} is ${showValue(value)}; it must be a whole number from 1 to ${most}.`);
}

const shown = ([height, width]: Extent): string => `${height} x ${width}`;
