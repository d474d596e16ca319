/**
 * Numbers that change from step to step. Each schedule begins at step 0 with its first value, so that one can stand after another
 * (`warmUp`, `join`) or begin anew (`rewind`).
 */
import { checkAtLeast, checkSteps } from './option-checks.ts';

/** A number for each step: a learning rate, a decay. `step` counts the steps done so far, so the first step has number 0. */
export type Schedule = (step: number) => number;

/** What a schedule, or a number that never changes, is at a step. */
export const valueAt = (schedule: Schedule | number, step: number): number =>
  typeof schedule === 'number' ? schedule : schedule(step);

/** The same number at every step. */
export function constant(value: number): Schedule {
  checkValue('The value of a constant schedule', value);
  return () => value;
}

/** A way from one value to another. */
export interface Ramp {
  /** The value at step 0. */
  from: number;
  /** The value at step `steps`, and after it. Default 0. */
  to?: number;
  /** Length of the way in steps, at least 1. */
  steps: number;
}

/** A straight line from one value to another, which then stays: a warm-up where it rises, linear decay where it falls. */
export function linear({ from, to = 0, steps }: Ramp): Schedule {
  checkRamp('linear', { from, to, steps });
  return (step) => from + (to - from) * Math.min(1, step / steps);
}

/** Half a cosine from one value to another (the floor), which then stays (SGDR, arXiv 1608.03983, equation 5). */
export function cosine({ from, to = 0, steps }: Ramp): Schedule {
  checkRamp('cosine', { from, to, steps });
  return (step) => (step >= steps ? to : to + ((from - to) * (1 + Math.cos((Math.PI * step) / steps))) / 2);
}

/**
 * `from` times the root of timescale / (timescale + step). After a warm-up over as many steps as its timescale it is the
 * transformer's `from * sqrt(warmUp / step)`: `warmUp(4000, inverseSquareRoot({ from: 3e-4, timescale: 4000 }))`.
 */
export function inverseSquareRoot({ from, timescale }: { from: number; timescale: number }): Schedule {
  checkValue('from of inverseSquareRoot', from);
  checkSteps(1, 'timescale of inverseSquareRoot', timescale);
  return (step) => from * Math.sqrt(timescale / (timescale + step));
}

/** Steps at which something happens: after every so many, or the listed ones in rising order. */
export type Marks = { every: number } | { at: readonly number[] };

/** `from`, multiplied by `factor` at each mark: at 10 means from step 10 on. */
export function stepwise({ from, factor, ...marks }: { from: number; factor: number } & Marks): Schedule {
  checkValue('from of stepwise', from);
  checkAtLeast(0, 'factor of stepwise', factor);
  const passed = marksPassed('stepwise', marks);
  return (step) => from * factor ** passed(step).count;
}

/** A schedule that begins anew at each mark: warm restarts, and the rewinds of gradual pruning. */
export function rewind(schedule: Schedule, marks: Marks): Schedule {
  const passed = marksPassed('rewind', marks);
  return (step) => schedule(step - passed(step).last);
}

/** A straight line from 0 at step 0 to the first value of `then` at step `steps`, where `then` begins. */
export function warmUp(steps: number, then: Schedule | number): Schedule {
  checkSteps(0, 'The warm-up', steps);
  const peak = valueAt(then, 0);
  checkValue('The value after the warm-up', peak);
  return (step) => (step < steps ? (peak * step) / steps : valueAt(then, step - steps));
}

/** One schedule after the other: the next begins (with its own step 0) at each boundary, one fewer than there are schedules. */
export function join(schedules: readonly Schedule[], boundaries: readonly number[]): Schedule {
  if (schedules.length !== boundaries.length + 1)
    throw new RangeError(
      `${schedules.length} schedules are joined at ${schedules.length - 1} boundaries; got ${boundaries.length}.`,
    );
  const passed = marksPassed('join', { at: boundaries });
  return (step) => {
    const { count, last } = passed(step);
    return schedules[count]!(step - last);
  };
}

/** How many marks lie behind a step, and the last of them (0 where there is none). */
function marksPassed(where: string, marks: Marks): (step: number) => { count: number; last: number } {
  if ('every' in marks) {
    const { every } = marks;
    checkSteps(1, `every of ${where}`, every);
    return (step) => {
      const count = Math.floor(step / every);
      return { count, last: count * every };
    };
  }
  const { at } = marks;
  for (const [index, mark] of at.entries()) {
    checkSteps(1, `A mark of ${where}`, mark);
    if (index > 0 && mark <= at[index - 1]!)
      throw new RangeError(`The marks of ${where} must rise; ${mark} follows ${at[index - 1]}.`);
  }
  return (step) => {
    const count = at.filter((mark) => mark <= step).length;
    return { count, last: count === 0 ? 0 : at[count - 1]! };
  };
}

function checkRamp(where: string, { from, to, steps }: Required<Ramp>): void {
  checkValue(`from of ${where}`, from);
  checkValue(`to of ${where}`, to);
  checkSteps(1, `steps of ${where}`, steps);
}

function checkValue(name: string, value: number): void {
  if (!Number.isFinite(value)) throw new RangeError(`${name} must be a finite number; got ${value}.`);
}
