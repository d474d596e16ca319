import { isSelected, type Parameter, type Selection } from '../parameters.ts';
import { type Transformation, within } from './transformation.ts';

/** Parameters that are treated in a way of their own. */
export interface Group {
  /** Which parameters; the first group that takes one has it. */
  parameters: Selection;
  /** What happens to their updates: a chain with a rate and a decay of its own. */
  optimiser: Transformation;
}

/**
 * Each parameter through the optimiser of the first group that takes it (PyTorch's parameter groups). A group that takes none is
 * left out. Throws where a parameter with an update is taken by no group.
 *
 * @example
 * groups([
 *   { parameters: /norm|bias/, optimiser: adamW({ rate: 1e-3, weightDecay: 0 }) },
 *   { parameters: /./, optimiser: adamW({ rate: 1e-3 }) },
 * ])
 */
export const groups =
  (members: readonly Group[]): Transformation =>
  (updates, parameters, scope) => {
    const taken = members.map((): Parameter[] => []);
    for (const parameter of parameters) {
      if (!updates.has(parameter.name)) continue;
      const own = taken[members.findIndex((group) => isSelected(group.parameters, parameter))];
      if (!own)
        throw new Error(
          `No group takes the parameter "${parameter.name}". Add a last group with \`parameters: /./\` for all that are left.`,
        );
      own.push(parameter);
    }
    const results = members.flatMap(({ optimiser }, index) => {
      const own = taken[index]!;
      if (own.length === 0) return [];
      const ofGroup = new Map(own.map(({ name }) => [name, updates.get(name)!]));
      return [...optimiser(ofGroup, own, within(scope, `group${index}.`))];
    });
    return new Map(results);
  };
