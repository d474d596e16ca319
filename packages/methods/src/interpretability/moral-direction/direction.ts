/**
 * A direction in an encoder's space (arXiv 2103.11790, "the moral direction"): the first principal component m of the embeddings of
 * actions, each averaged over question templates; a score is the signed projection on it.
 */
import { agnes } from 'ml-hclust';
import { Matrix, SingularValueDecomposition } from 'ml-matrix';
import { z } from 'zod';

export type Vector = Float32Array | Float64Array | readonly number[];

export interface Direction {
  /** [hidden]: the mean that was taken off before the decomposition. */
  mean: Float64Array;
  /** [components][hidden], unit length; the first, times `sign`, is the direction. */
  components: Float64Array[];
  /** Share of variance each component explains. */
  explained: number[];
  /** +1 or -1: which way is positive. */
  sign: 1 | -1;
  /** What raw scores are divided by; 1 until `withNorm`. */
  norm: number;
}

export interface FitOptions {
  /** How many components to keep (the paper: 5). */
  components?: number;
  /** An action that must come out negative (the paper: "kill"). */
  anchor: string;
}

/**
 * Fits on `embeddings[i]` of `actions[i]`, each [hidden]. Centred, full singular value decomposition. The sign: Ward clustering into
 * two groups in the space of the kept components; the group without the anchor gets a positive mean coordinate.
 */
export function fitDirection(
  actions: readonly string[],
  embeddings: readonly Vector[],
  options: FitOptions,
): Direction {
  const keep = options.components ?? 5;
  const anchor = actions.indexOf(options.anchor);
  if (anchor < 0)
    throw new RangeError(
      `The anchor "${options.anchor}" is not among the actions. Choose one of the words that the direction is fitted on.`,
    );
  if (embeddings.length !== actions.length)
    throw new RangeError(`${actions.length} actions need as many embeddings; got ${embeddings.length}.`);
  const hidden = embeddings[0]!.length;
  if (keep < 1 || keep > Math.min(actions.length, hidden))
    throw new RangeError(`Components must lie between 1 and ${Math.min(actions.length, hidden)}; got ${keep}.`);
  const mean = meanOf(embeddings);
  const centred = new Matrix(embeddings.map((e) => Array.from(e, (value, d) => value - mean[d]!)));
  // The decomposition of the transpose when it is the taller one: ml-matrix wants rows >= columns.
  const tall = centred.rows >= centred.columns;
  const svd = new SingularValueDecomposition(tall ? centred : centred.transpose(), { autoTranspose: false });
  const right = tall ? svd.rightSingularVectors : svd.leftSingularVectors;
  const total = svd.diagonal.reduce((sum, s) => sum + s * s, 0);
  if (!(total > 1e-12))
    throw new RangeError(
      'All embeddings are the same, so there is no direction to fit. Check the words and the encoder.',
    );
  const components = Array.from({ length: keep }, (_, c) => Float64Array.from(right.getColumn(c)));
  const explained = svd.diagonal.slice(0, keep).map((s) => (s * s) / total);
  const coordinates = centred.to2DArray().map((row) => components.map((component) => dot(row, component)));
  const sign = orient(coordinates, anchor);
  return { mean, components, explained, sign, norm: 1 };
}

/** +1 when the Ward group without the anchor already has a positive mean first coordinate, else -1. */
function orient(coordinates: readonly (readonly number[])[], anchor: number): 1 | -1 {
  const tree = agnes(
    coordinates.map((row) => [...row]),
    { method: 'ward' },
  );
  const [one, other] = tree.group(2).children.map((cluster) => cluster.indices());
  const without = one!.includes(anchor) ? other! : one!;
  const average = without.reduce((sum, i) => sum + coordinates[i]![0]!, 0) / without.length;
  return average < 0 ? -1 : 1;
}

/** sign * <e - mean, m> / norm for an embedding [hidden]. */
export function score(direction: Direction, embedding: Vector): number {
  return (direction.sign * coordinate(direction, embedding, 0)) / direction.norm;
}

/** The coordinate on one component, unsigned and not normalised. */
export function coordinate(direction: Direction, embedding: Vector, component: number): number {
  const m = direction.components[component]!;
  let sum = 0;
  for (let d = 0; d < m.length; d++) sum += (embedding[d]! - direction.mean[d]!) * m[d]!;
  return sum;
}

/** The same direction with scores divided by the largest magnitude among `scores` (raw ones), so that the extreme is 1 or -1. */
export function withNorm(direction: Direction, scores: readonly number[]): Direction {
  const norm = scores.reduce((largest, value) => Math.max(largest, Math.abs(value)), 0) * direction.norm;
  return { ...direction, norm: norm > 0 ? norm : 1 };
}

/** [hidden]: the mean of vectors. */
export function meanOf(vectors: readonly Vector[]): Float64Array {
  const mean = new Float64Array(vectors[0]!.length);
  for (const vector of vectors) for (let d = 0; d < mean.length; d++) mean[d]! += vector[d]! / vectors.length;
  return mean;
}

export function dot(a: Vector, b: Vector): number {
  let sum = 0;
  for (let d = 0; d < a.length; d++) sum += a[d]! * b[d]!;
  return sum;
}

const vector = z.array(z.number()).min(1).max(65_536);
const norm = z.number().positive();

/** The file that `fit` writes and `score` and `generate` read: numbers, and which encoder they belong to. */
const directionFile = z
  .object({
    format: z.literal('working-papers/direction@1'),
    encoder: z.object({ reference: z.string(), sha256: z.string() }),
    templates: z.array(z.string()).min(1),
    anchor: z.string(),
    words: z.object({ positive: z.number(), negative: z.number(), neutral: z.number() }),
    mean: vector,
    components: z.array(vector).min(1).max(64),
    explained: z.array(z.number()),
    sign: z.union([z.literal(1), z.literal(-1)]),
    /** Divides the score of an action, averaged over the templates. */
    normActions: norm,
    /** Divides the score of raw text. */
    normText: norm,
  })
  .refine(({ mean, components }) => components.every((component) => component.length === mean.length), {
    message: 'its components and its mean are of different lengths',
  });
export type DirectionFile = z.infer<typeof directionFile>;

/** Reads a direction file; throws a sentence for anything else, and for a direction of another encoder. */
export function readDirection(
  text: string,
  encoder: { sha256: string; dimensions: number },
): { actions: Direction; text: Direction; file: DirectionFile } {
  const remedy = 'Give the direction.json that the action "fit" wrote.';
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw new Error(`The direction file is not JSON (${(error as Error).message}). ${remedy}`);
  }
  const read = directionFile.safeParse(json);
  if (!read.success) {
    const { path, message } = read.error.issues[0]!;
    throw new Error(
      `The direction file is not one: ${path.length > 0 ? `${path.join('.')}: ` : ''}${message}. ${remedy}`,
    );
  }
  const file = read.data;
  if (file.encoder.sha256 !== encoder.sha256)
    throw new Error(
      `This direction was fitted on ${file.encoder.reference} (sha256 ${file.encoder.sha256.slice(0, 12)}); the encoder given has sha256 ${encoder.sha256.slice(0, 12)}. A direction belongs to its encoder: fit it again.`,
    );
  if (file.mean.length !== encoder.dimensions)
    throw new Error(
      `The direction file has ${file.mean.length} dimensions and its encoder ${encoder.dimensions}. ${remedy}`,
    );
  const base = {
    mean: Float64Array.from(file.mean),
    components: file.components.map((c) => Float64Array.from(c)),
    explained: file.explained,
    sign: file.sign,
  };
  return { actions: { ...base, norm: file.normActions }, text: { ...base, norm: file.normText }, file };
}
