/**
 * The packing as an integer program, as the authors' repository offers it (there solved by SCIP, here by HiGHS compiled to
 * WebAssembly): y_j = 1 where row j is used, x_ij = 1 where prompt i lies in row j; minimise the sum of y.
 */
import type { Highs } from 'highs';
import { type Item, itemsOf, longestOf, type Packing, type Plan, planOf, planPacking } from './packing.ts';

/** Yes-or-no decisions of a program that is still tried. */
const mostDecisions = 20_000;

export interface ProgramOptions {
  /** Tokens a row may hold; the longest length by default. */
  capacity?: number;
  /** The solver stops after so many seconds; default 5. It holds the thread until then. */
  seconds?: number;
}

/** Packs by any of the packings. */
export const packRows = async (
  lengths: readonly number[],
  { packing, ...options }: ProgramOptions & { packing: Packing },
): Promise<Plan> =>
  packing === 'ilp' ? planByProgram(lengths, options) : planPacking(lengths, { packing, capacity: options.capacity });

/**
 * The least number of rows as far as the solver finds it in time; best-fit decreasing's rows where it finds nothing better, with a
 * note that says so. Throws as `planPacking` does.
 */
export async function planByProgram(lengths: readonly number[], options: ProgramOptions = {}): Promise<Plan> {
  const capacity = options.capacity ?? longestOf(lengths);
  const seconds = options.seconds ?? 5;
  const items = itemsOf(lengths, capacity);
  const greedy = planPacking(lengths, { capacity });
  const fallBack = (why: string): Plan => ({
    ...greedy,
    note: `The integer program ${why}, so best-fit decreasing's ${greedy.rows.length} rows are used; no packing has fewer than ${leastRows(items, capacity)}.`,
  });
  if (items.length < 2) return { ...greedy, packing: 'ilp' };
  const decisions = items.length * greedy.rows.length;
  if (decisions > mostDecisions)
    return fallBack(`would have ${decisions} decisions for ${items.length} prompts, more than ${mostDecisions}`);
  // The package's types are those of its CommonJS form, where the loader lies one level deeper.
  const { default: loadHighs } = (await import('highs')) as unknown as { default(): Promise<Highs> };
  const highs = await loadHighs();
  const solution = highs.solve(programOf(items, capacity, greedy.rows.length), {
    output_flag: false,
    time_limit: seconds,
  });
  const bins = Array.from({ length: greedy.rows.length }, (): Item[] => []);
  for (const [i, item] of items.entries()) {
    const row = bins.findIndex((_, j) => primalOf(solution.Columns[`x${i}_${j}`]) > 0.5);
    bins[row]?.push(item);
  }
  const used = bins.filter((bin) => bin.length > 0);
  const whole =
    used.reduce((sum, bin) => sum + bin.length, 0) === items.length &&
    used.every((bin) => bin.reduce((sum, { length }) => sum + length, 0) <= capacity);
  if (!whole) return fallBack(`found no packing within ${seconds} s`);
  const plan = planOf(used, 'ilp', capacity);
  if (solution.Status === 'Optimal') return plan;
  if (plan.rows.length >= greedy.rows.length) return fallBack(`found nothing better within ${seconds} s`);
  const note = `The integer program was stopped after ${seconds} s with ${plan.rows.length} rows; fewer may do, but not fewer than ${leastRows(items, capacity)}.`;
  return { ...plan, note };
}

const leastRows = (items: readonly Item[], capacity: number) =>
  Math.ceil(items.reduce((sum, { length }) => sum + length, 0) / capacity);

const primalOf = (column: object | undefined): number =>
  column && 'Primal' in column && typeof column.Primal === 'number' ? column.Primal : 0;

/**
 * The program in the CPLEX LP format. `items` by decreasing length; `rows` are enough. Rows are alike, so prompt i lies in one of the
 * first i + 1 and used rows come first: without that every packing would be there many times.
 */
function programOf(items: readonly Item[], capacity: number, rows: number): string {
  const row = Array.from({ length: rows }, (_, j) => j);
  const y = row.map((j) => `y${j}`);
  const x = items.map((_, i) => row.slice(0, i + 1).map((j) => `x${i}_${j}`));
  const constraints = [
    ...x.map((places) => `${places.join(' + ')} = 1`),
    ...row.map(
      (j) =>
        `${items.flatMap(({ length }, i) => (j <= i ? [`${length} x${i}_${j}`] : [])).join(' + ')} - ${capacity} y${j} <= 0`,
    ),
    ...row.slice(1).map((j) => `y${j - 1} - y${j} >= 0`),
    `${y.join(' + ')} >= ${leastRows(items, capacity)}`,
  ];
  return ['Minimize', y.join(' + '), 'Subject To', ...constraints, 'Binary', ...x.flat(), ...y, 'End', ''].join('\n');
}
