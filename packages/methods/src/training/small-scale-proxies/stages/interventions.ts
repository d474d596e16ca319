/** What each intervention does to the sensitivity, at one size; and what depth and width do. */
import type { RunContext, Value } from '../../../contract.ts';
import { interventionPlot } from '../plots.ts';
import {
  band,
  bestLogRate,
  bestLoss,
  gradientOf,
  highSensitivity,
  logZOf,
  lossOf,
  maxLogitOf,
  overSeeds,
  type Rows,
  type Spread,
  select,
} from '../rows.ts';
import { interventionBars, sensitivityTable } from '../views.ts';
import { Bench, type Plan, plan } from './plan.ts';

/** The plain recipe, and what is changed of it. */
const short = 'warmup-x0.1';
const long = 'warmup-x3';
const standard = 'z-loss-off+coupled-wd';
const combined = `qk-norm+${long}`;
const arms = [
  'base',
  short,
  long,
  'coupled-wd',
  'mup',
  'eps-1e-6',
  'eps-1e-15',
  standard,
  'qk-norm',
  'qk-norm+z-loss-off',
  combined,
];

export async function interventions(context: RunContext, given: Plan = plan): Promise<void> {
  const bench = await Bench.open(given, context);
  const { seeds, sizes, widths, depths } = given;
  const [middle, largest] = [sizes.at(-2)!, sizes.at(-1)!];
  const rows = await bench.rows([middle], arms);
  const wide = await bench.rows(widths, ['base', 'mup']);
  const deep = await bench.rows(depths, ['base']);
  const fan = await bench.rows([largest], ['base']);
  const { setting } = bench;
  context.emit({
    type: 'plot',
    name: 'interventions',
    caption: `What each change of the recipe does at ${middle}: sensitivity and best loss, with the range over seeds`,
    setting,
    spec: interventionPlot(interventionBars(rows)),
  });
  context.emit(sensitivityTable('interventions', rows));
  context.emit(sensitivityTable('depth-and-width', [...wide, ...deep.filter(({ size }) => !widths.includes(size))]));

  const evidence = (claim: string, values: Record<string, Value>, what: string) =>
    context.emit({
      type: 'evidence',
      claim,
      stage: 'interventions',
      values,
      setting: `${setting}; ${what}`,
      seeds: [...seeds],
    });
  const nats = (spread: Spread, model = middle): Value => ({ ...spread, unit: 'nats', model });
  const [lowRate, highRate, topRate] = [given.rates[1]!, given.rates.at(-2)!, given.rates.at(-1)!];
  const one = (among: Rows, arm: string, size: string, rate: number, seed: number) =>
    select(among, { arm, size, rate, seed })[0]!;
  /** A statistic of one arm less that of another, seed by seed. */
  const less = (of: (rows: Rows) => number, a: string, b: string, among = rows, size = middle) =>
    overSeeds(seeds, (seed) => of(select(among, { arm: a, size, seed })) - of(select(among, { arm: b, size, seed })));

  evidence(
    'A1',
    {
      logits: {
        ...overSeeds(seeds, (seed) => {
          const [high, low] = [highRate, lowRate].map((rate) => maxLogitOf(one(fan, 'base', largest, rate, seed)));
          return high! / low!;
        }),
        unit: 'x',
        model: largest,
      },
      cost: nats(
        overSeeds(
          seeds,
          (seed) =>
            lossOf(one(fan, 'base', largest, highRate, seed)) -
            bestLoss(select(fan, { arm: 'base', size: largest, seed })),
        ),
        largest,
      ),
      logZ: nats(
        overSeeds(seeds, (seed) => {
          const [high, low] = [highRate, lowRate].map((rate) =>
            Math.abs(logZOf(one(rows, 'qk-norm+z-loss-off', middle, rate, seed))),
          );
          return high! - low!;
        }),
      ),
    },
    `logits: the largest |attention logit| at the end at ${highRate} over that at ${lowRate}, without qk-layernorm; cost: the loss at ${highRate} less the best; logZ: |mean log Z| at the end at ${highRate} less that at ${lowRate}, with qk-layernorm and without z-loss`,
  );
  const attention = less(highSensitivity, 'base', 'qk-norm');
  evidence(
    'A2',
    {
      qkNorm: nats(attention),
      zLoss: nats(less(highSensitivity, 'qk-norm+z-loss-off', 'qk-norm')),
    },
    'by how much each mitigation lowers the sensitivity over rates from 1e-2 on',
  );
  evidence(
    'A3',
    {
      combined: {
        ...overSeeds(seeds, (seed) => band(select(rows, { arm: combined, seed }))),
        unit: 'decades',
        model: middle,
      },
      plain: {
        ...overSeeds(seeds, (seed) => band(select(rows, { arm: standard, seed }))),
        unit: 'decades',
        model: middle,
      },
    },
    'the stretch of rates around the best within 0.2 nats of it: qk-layernorm, z-loss, independent decay and a warm-up of 120 steps together, and none of them (decay 0.1 coupled to the rate)',
  );
  const warmUp = less(highSensitivity, 'base', long);
  const decay = less(highSensitivity, 'coupled-wd', 'base');
  evidence(
    'A4',
    { warmUp: nats(warmUp), decay: nats(decay), mup: nats(less(highSensitivity, 'base', 'mup')) },
    'by how much a warm-up of 120 steps, independent decay and muParam lower the sensitivity over rates from 1e-2 on',
  );
  evidence(
    'P3',
    {
      long: nats(warmUp),
      short: nats(less(highSensitivity, short, 'base')),
      loss: nats(less(bestLoss, 'base', long)),
    },
    'sensitivity over rates from 1e-2 on: warm-up of 40 steps less that of 120 (long), of 4 less that of 40 (short); loss: best loss at 40 less that at 120',
  );
  evidence(
    'P4',
    { gain: nats(decay) },
    'sensitivity over rates from 1e-2 on: decay of 0.1 coupled to the rate less independent decay of 1e-4',
  );
  const [narrow, broad] = [widths[0]!, widths.at(-1)!];
  const shift = (arm: string): Value => ({
    ...overSeeds(seeds, (seed) => {
      const [a, b] = [narrow, broad].map((size) => bestLogRate(select(wide, { size, arm, seed })));
      return Math.abs(a! - b!);
    }),
    unit: 'decades',
  });
  evidence(
    'P5',
    {
      shift: shift('base'),
      mupShift: shift('mup'),
      sensitivity: nats(less(highSensitivity, 'base', 'mup', wide, broad), broad),
      loss: nats(less(bestLoss, 'base', 'mup', wide, broad), broad),
    },
    `how far the best rate moves from ${narrow} to ${broad} without and with muParam (base width ${given.settings.baseWidth}); by how much muParam lowers sensitivity (rates from 1e-2 on) and best loss at ${broad}`,
  );
  const slope = (among: Rows, named: readonly string[], seed: number) => {
    const points = named.map((size) => {
      const own = select(among, { size, arm: 'base', seed });
      return { x: Math.log10(own[0]!.parameters), y: highSensitivity(own) };
    });
    return slopeOf(points);
  };
  evidence(
    'P6',
    {
      depth: nats(
        overSeeds(seeds, (seed) => slope(deep, depths, seed)),
        'base',
      ),
      width: nats(
        overSeeds(seeds, (seed) => slope(wide, widths, seed)),
        'base',
      ),
    },
    `sensitivity (rates from 1e-2 on) gained as the parameters grow tenfold, by depth (${depths.join(', ')}) and by width (${widths.join(', ')})`,
  );
  const at = (arm: string, seed: number) => lossOf(one(rows, arm, middle, topRate, seed));
  evidence(
    'P7',
    {
      finer: nats(overSeeds(seeds, (seed) => at('base', seed) - at('eps-1e-15', seed))),
      coarser: nats(overSeeds(seeds, (seed) => at('eps-1e-6', seed) - at('base', seed))),
      margin: {
        ...overSeeds(seeds, (seed) => gradientOf(one(rows, 'base', middle, topRate, seed)) / 1e-8),
        unit: 'x',
        model: middle,
      },
    },
    `at a learning rate of ${topRate}: what ε = 1e-15 gains over 1e-8, what 1e-6 loses to it, and how many times 1e-8 the RMS of the embedding's gradient is`,
  );
}

/** Least squares of y over x. */
function slopeOf(points: readonly { x: number; y: number }[]): number {
  const mx = points.reduce((sum, { x }) => sum + x, 0) / points.length;
  const my = points.reduce((sum, { y }) => sum + y, 0) / points.length;
  return (
    points.reduce((sum, { x, y }) => sum + (x - mx) * (y - my), 0) /
    points.reduce((sum, { x }) => sum + (x - mx) ** 2, 0)
  );
}
