import { add, type Dimension, input, mul, type Tensor, where } from '@working-papers/graph';
import type { HostTensor } from '@working-papers/runtime';
import type { Edit } from './types.ts';

/** The names of dimensions along which places are counted. */
const alongSequence = /^(sequence|decoderSequence)/;

/**
 * The axis of an activation along which positions are counted: its first named one that is a sequence, or the one before the
 * last where sizes are numbers (class token and patches of an image).
 */
function sequenceAxis({ shape }: Tensor): number {
  const named = shape.findIndex((size, axis) => axis > 0 && typeof size === 'string' && alongSequence.test(size));
  return named < 0 && shape.length > 2 ? shape.length - 2 : named;
}

/** An edit as part of a graph, with inputs `edit.N.value` and `edit.N.where` that its values are given through. */
export interface BuiltEdit {
  edit: Edit;
  tensor: Tensor;
}

/** Builds edits into a graph as its taps come by: those of one name one after the other. */
export function editing(edits: readonly Edit[]): {
  replace(name: string, tensor: Tensor): Tensor | undefined;
  built: BuiltEdit[];
} {
  const built: BuiltEdit[] = [];
  return {
    built,
    replace(name, tensor) {
      let edited: Tensor | undefined;
      for (const [index, edit] of edits.entries()) {
        if (edit.name !== name) continue;
        built[index] = { edit, tensor };
        const value = input(`edit.${index}.value`, 'float32', tensor.shape);
        const before: Tensor = edited ?? tensor;
        const after =
          edit.operation === 'replace' ? value : edit.operation === 'add' ? add(before, value) : mul(before, value);
        edited = where(input(`edit.${index}.where`, 'bool', whereShape(tensor)), after, before);
      }
      return edited;
    },
  };
}

/** 1 but for the rows and the sequence. */
function whereShape(tensor: Tensor): Dimension[] {
  const along = sequenceAxis(tensor);
  return tensor.shape.map((size, axis) => (axis === 0 || axis === along ? size : 1));
}

/** Where the tokens of a run stand; by default all rows there are, each from its first token on. */
export interface Placement {
  /** The row of the whole batch that the run's first one is, and how many rows the whole has. */
  firstRow: number;
  allRows: number;
  /** For each row of the run the place in its text of its first token. */
  starts: readonly number[];
  /** Tokens a row. */
  sequence: number;
  /** What activations of the dimension `wanted` are of: places row * sequence + token. */
  wanted: readonly number[];
}

/**
 * What the inputs of a built edit are given in a run where dimensions have the sizes `sizes`. Throws a sentence where the value
 * does not fit the activation, or rows and positions are not there.
 */
export function editInputs(
  { edit, tensor }: BuiltEdit,
  index: number,
  sizes: ReadonlyMap<string, number>,
  placement?: Placement,
): Record<string, HostTensor> {
  const shape = tensor.shape.map((size) => {
    const known = typeof size === 'number' ? size : sizes.get(size);
    if (known === undefined)
      throw new Error(
        `The activation '${edit.name}' has a size, ${size}, that is not known before a run; it cannot be edited.`,
      );
    return known;
  });
  const along = sequenceAxis(tensor);
  const chosen = shape.map((size, axis) => (axis === 0 || axis === along ? size : 1));
  const rows = edit.rows && new Set(checkedRows(edit, edit.rows, placement?.allRows ?? shape[0]!));
  const wanted = tensor.shape[0] === 'wanted' ? placement?.wanted : undefined;
  if (edit.positions && along < 0 && !wanted)
    throw new Error(`The activation '${edit.name}' has no sequence, so no positions of it can be chosen.`);
  const isThere = placesOf(edit);
  // A source is read as a whole, whatever was said already.
  const starts = tensor.shape[along] === 'sourceSequence' ? [] : (placement?.starts ?? []);
  const sequence = along < 0 ? 1 : shape[along]!;
  const flags = new Uint8Array(shape[0]! * sequence);
  for (let line = 0; line < shape[0]!; line++) {
    for (let i = 0; i < sequence; i++) {
      const row = wanted ? Math.floor(wanted[line]! / placement!.sequence) : line;
      const place = (starts[row] ?? 0) + (wanted ? wanted[line]! % placement!.sequence : i);
      const here = (!rows || rows.has(row + (placement?.firstRow ?? 0))) && isThere(place);
      flags[line * sequence + i] = here ? 1 : 0;
    }
  }
  return {
    [`edit.${index}.value`]: { dtype: 'float32', shape, data: broadcast(edit, shape) },
    [`edit.${index}.where`]: { dtype: 'bool', shape: chosen, data: flags },
  };
}

function placesOf({ positions }: Edit): (place: number) => boolean {
  if (!positions) return () => true;
  if ('from' in positions)
    return (place) => place >= positions.from && place < (positions.to ?? Number.POSITIVE_INFINITY);
  const chosen = new Set(positions);
  return (place) => chosen.has(place);
}

function checkedRows(edit: Edit, rows: readonly number[], count: number): readonly number[] {
  const odd = rows.find((row) => !Number.isInteger(row) || row < 0 || row >= count);
  if (odd !== undefined) throw new Error(`The edit of '${edit.name}' names row ${odd}; there are ${count}.`);
  return rows;
}

/** The value at the activation's whole shape. */
function broadcast({ name, value }: Edit, shape: readonly number[]): Float32Array {
  const count = shape.reduce((product, size) => product * size, 1);
  if (typeof value === 'number') return new Float32Array(count).fill(value);
  const given = value.shape;
  const lead = shape.length - given.length;
  const fits =
    lead >= 0 &&
    given.every((size, axis) => size === 1 || size === shape[lead + axis]) &&
    value.data.length === given.reduce((product, size) => product * size, 1);
  if (!fits) {
    throw new Error(
      `A value of shape [${given.join(', ')}] with ${value.data.length} numbers does not fit the activation '${name}' of shape [${shape.join(', ')}].`,
    );
  }
  const strides = new Array<number>(shape.length).fill(0);
  let stride = 1;
  for (let axis = given.length - 1; axis >= 0; axis--) {
    if (given[axis] !== 1) strides[lead + axis] = stride;
    stride *= given[axis]!;
  }
  const whole = new Float32Array(count);
  const place = new Array<number>(shape.length).fill(0);
  for (let i = 0, from = 0; i < count; i++) {
    whole[i] = value.data[from]!;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      from += strides[axis]!;
      if (++place[axis]! < shape[axis]!) break;
      from -= strides[axis]! * shape[axis]!;
      place[axis] = 0;
    }
  }
  return whole;
}
