/** Arms of a scan: the paper's default recipe, and what an arm changes of it. */

/** How a model is made and trained, but for its size, learning rate and seed. */
export interface Arm {
  name: string;
  /** Layer norm on queries and keys before they are rotated. */
  qkNorm: boolean;
  /** λ_z, the factor of (log Z)^2 in the loss; 0 leaves it out. */
  zLoss: number;
  /** Weight decay: λ times the schedule, whatever the learning rate; or λ' times the rate, as PyTorch's AdamW has it. */
  decay: 'independent' | 'coupled';
  /** Times the scan's warm-up. */
  warmUp: number;
  /** muParam in its simple form. */
  mup: boolean;
  /** AdamW's ε. */
  eps: number;
}

/** λ_z of the paper. */
export const lambdaZ = 1e-4;
/** λ of the paper's independent decay, and PyTorch's usual λ' of the coupled one. */
export const lambda = { independent: 1e-4, coupled: 0.1 } as const;

const base: Omit<Arm, 'name'> = {
  qkNorm: false,
  zLoss: lambdaZ,
  decay: 'independent',
  warmUp: 1,
  mup: false,
  eps: 1e-8,
};

export const armForms = 'base, qk-norm, z-loss-off, coupled-wd, warmup-xN, mup, eps-N';

/**
 * The arm of a name: `base`, or changes of it joined by `+` (`qk-norm+z-loss-off`, `warmup-x3`, `eps-1e-15`). Throws a sentence for
 * what is no change.
 */
export function armOf(name: string): Arm {
  const changes = name.split('+').map((word) => word.trim());
  const arm = { ...base };
  for (const change of changes) Object.assign(arm, changeOf(change, name));
  return { name: changes.join('+'), ...arm };
}

function changeOf(change: string, name: string): Partial<Arm> {
  if (change === 'base') return {};
  if (change === 'qk-norm') return { qkNorm: true };
  if (change === 'z-loss-off') return { zLoss: 0 };
  if (change === 'coupled-wd') return { decay: 'coupled' };
  if (change === 'mup') return { mup: true };
  const [, kind, text] = /^(warmup-x|eps-)(.+)$/.exec(change) ?? [];
  const value = Number(text);
  if (kind && Number.isFinite(value) && value > 0 && value < 1e3)
    return kind === 'eps-' ? { eps: value } : { warmUp: value };
  throw new Error(`"${name}" is no arm: "${change}" is none of ${armForms}. Join several with +: qk-norm+z-loss-off.`);
}

/** Arms of a list with commas between them; the same one twice is one. */
export function armsOf(list: string): Arm[] {
  const arms = new Map(
    listed(list, 'arms')
      .map((name) => armOf(name))
      .map((arm) => [arm.name, arm]),
  );
  return [...arms.values()];
}

/**
 * Learning rates, rising: `3e-4..3e-1/7` is seven from the first to the last by equal factors; else numbers with commas between them. Throws
 * a sentence where they are too few or too near to each other to say something of sensitivity.
 */
export function ratesOf(list: string): number[] {
  const range = /^\s*([^.,\s]\S*?)\s*\.\.\s*(\S+?)\s*\/\s*(\d+)\s*$/.exec(list);
  const numbers = range
    ? ratesBetween(Number(range[1]), Number(range[2]), Number(range[3]))
    : listed(list, 'lrs').map(Number);
  const rates = [...new Set(numbers)].sort((a, b) => a - b);
  const odd = rates.findIndex((rate) => !(rate > floor && rate <= 10));
  if (odd >= 0)
    throw new Error(
      `Learning rates must be above ${floor} and at most 10, as 3e-4..3e-1/7 or 1e-3,1e-2,1e-1; got "${list}".`,
    );
  const [least, most] = [rates[0]!, rates.at(-1)!];
  if (rates.length < 3 || most / least < 30 * (1 - 1e-9))
    throw new Error(
      `Sensitivity over a narrow range says little: give at least 3 learning rates, the largest at least 30 times the smallest (3e-4..3e-1/7); got ${rates.length} from ${least} to ${most}.`,
    );
  return rates;
}

/** Where the schedule begins and ends. */
export const floor = 1e-5;

function ratesBetween(from: number, to: number, count: number): number[] {
  if (count < 2 || count > 100) return [Number.NaN];
  return Array.from({ length: count }, (_, i) => Number((from * (to / from) ** (i / (count - 1))).toPrecision(6)));
}

/** The words of a list with commas between them. */
export function listed(list: string, what: string): string[] {
  const words = list.split(',').map((word) => word.trim());
  if (words.some((word) => word === ''))
    throw new Error(`"${list}" is no list of ${what}: put one comma between each two.`);
  return words;
}
