import type { LoraConfig, ModulePattern } from './lora-config.ts';
import type { AdaptableWeight } from './types.ts';

const allLinear = 'all-linear';

/**
 * Of a model's weights, those that a configuration chooses, by peft's rules: the excluded first, then modules that are trained
 * whole, then the targets. Throws a sentence for a pattern, or an end of a name, that matches nothing.
 */
export function selectTargets(
  weights: readonly AdaptableWeight[],
  { targets, excluded, modulesToSave }: Pick<LoraConfig, 'targets' | 'excluded' | 'modulesToSave'>,
): AdaptableWeight[] {
  const modules = weights.map(({ module }) => module);
  const isExcluded = excluded.length === 0 ? () => false : matcher(excluded, 'excluded', modules);
  const isWhole = (module: string) => modulesToSave.some((part) => isWithin(module, part));
  const isTarget =
    typeof targets === 'string' && targets.toLowerCase() === allLinear
      ? ({ kind, head }: AdaptableWeight) => kind === 'linear' && !head
      : byModule(matcher(targets, 'targets', modules));
  const chosen = weights.filter((weight) => isTarget(weight) && !isExcluded(weight.module) && !isWhole(weight.module));
  if (chosen.length > 0) return chosen;
  throw new Error('Every module that targets chooses is excluded or trained whole, so there is nothing to adapt.');
}

/** Whether a module is the one of that name, or lies within it; the name may lack its beginning. */
export const isWithin = (module: string, part: string): boolean => `.${module}.`.includes(`.${part}.`);

const byModule =
  (matches: (module: string) => boolean) =>
  ({ module }: AdaptableWeight): boolean =>
    matches(module);

function matcher(pattern: ModulePattern, field: string, modules: readonly string[]): (module: string) => boolean {
  if (typeof pattern === 'string') {
    const expression = wholeExpression(pattern, field);
    const matches = (module: string) => expression.test(module);
    if (!modules.some(matches))
      throw new Error(`The pattern '${pattern}' of ${field} matches no module. ${some(modules)}`);
    return matches;
  }
  const ends = (module: string, end: string) => module === end || module.endsWith(`.${end}`);
  for (const end of pattern) {
    if (!modules.some((module) => ends(module, end)))
      throw new Error(`No module is called '${end}', as ${field} has it, or ends so. ${some(modules)}`);
  }
  return (module) => pattern.some((end) => ends(module, end));
}

/** A regular expression as Python's `re.fullmatch` takes it; named groups are written otherwise there. */
function wholeExpression(pattern: string, field: string): RegExp {
  try {
    return new RegExp(`^(?:${pattern.replaceAll('(?P<', '(?<')})$`);
  } catch (error) {
    throw new Error(`The pattern '${pattern}' of ${field} is no regular expression: ${(error as Error).message}.`, {
      cause: error,
    });
  }
}

/** A sentence with one module of each end, as a hint. */
function some(modules: readonly string[]): string {
  const byEnd = new Map(modules.map((module) => [module.replace(/.*\.(?=[^.]*[a-z][^.]*$)/i, ''), module]));
  const ends = [...byEnd.keys()];
  return `Modules of this model end in ${ends.slice(0, 12).join(', ')}${ends.length > 12 ? ', ...' : ''}; one is ${modules[0]}.`;
}
