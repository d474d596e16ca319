/**
 * Small parameters are changed together: what a node costs is more than what it computes on the few hundred numbers of a bias, and a model
 * has dozens of them.
 */
import { concat, reshape, split, type Tensor } from '@working-papers/graph';
import type { Parameter, Updates } from '../parameters.ts';
import { mapUpdates } from './transformation.ts';

/** Numbers that a small parameter has at most, and how many of those are worth a tensor of their own. */
const [most, fewest] = [8192, 8];

const sizeOf = (shape: readonly number[]) => shape.reduce((product, size) => product * size, 1);

/** What was joined, by its first part; and what was parted, by each part. */
const joinings = new WeakMap<Tensor, { parts: readonly Tensor[]; whole: Tensor }[]>();

/** Tensors end to end as one vector: the same one for the same tensors, and that which they are the parts of where they are. */
function joined(parts: readonly Tensor[]): Tensor {
  const known = joinings.get(parts[0]!) ?? [];
  const found = known.find(
    (one) => one.parts.length === parts.length && one.parts.every((part, i) => part === parts[i]),
  );
  if (found) return found.whole;
  const whole = concat(
    parts.map((part) => (part.shape.length === 1 ? part : reshape(part, [-1]))),
    0,
  );
  joinings.set(parts[0]!, [...known, { parts, whole }]);
  return whole;
}

/** A vector in parts of these shapes. */
function parted(whole: Tensor, shapes: readonly (readonly number[])[]): Tensor[] {
  const parts = split(whole, shapes.map(sizeOf), 0).map((part, i) =>
    shapes[i]!.length === 1 ? part : reshape(part, shapes[i]!),
  );
  joinings.set(parts[0]!, [{ parts, whole }]);
  return parts;
}

/**
 * Each update changed by itself, number by number: `change` may be given several parameters as one vector, whose name then begins with `small`.
 * `kindOf` says which may not be given together; those whose kind is undefined stay as they are.
 */
export function mapElementwise(
  updates: Updates,
  parameters: readonly Parameter[],
  change: (update: Tensor, parameter: Parameter) => Tensor,
  kindOf: (parameter: Parameter) => string | undefined = () => '',
): Updates {
  const kinds = new Map<string, Parameter[]>();
  for (const parameter of parameters) {
    const kind = updates.has(parameter.name) && sizeOf(parameter.shape) <= most ? kindOf(parameter) : undefined;
    if (kind !== undefined) kinds.set(kind, [...(kinds.get(kind) ?? []), parameter]);
  }
  const together = new Map<string, Tensor>();
  for (const [kind, small] of kinds) {
    if (small.length < fewest) continue;
    const update = joined(small.map(({ name }) => updates.get(name)!));
    const whole: Parameter = {
      name: `small${kind}`,
      shape: [small.reduce((sum, { shape }) => sum + sizeOf(shape), 0)],
      tensor: joined(small.map(({ tensor }) => tensor)),
    };
    const changed = parted(
      change(update, whole),
      small.map(({ shape }) => shape),
    );
    for (const [i, { name }] of small.entries()) together.set(name, changed[i]!);
  }
  return mapUpdates(updates, parameters, (update, parameter) => {
    const part = together.get(parameter.name);
    if (part) return part;
    return kindOf(parameter) === undefined ? update : change(update, parameter);
  });
}
