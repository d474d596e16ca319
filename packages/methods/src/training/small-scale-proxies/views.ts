/** Rows as tables and as points of plots. */
import { mean } from '@working-papers/measures';
import type { RunEvent } from '../../contract.ts';
import type { FanPoint, InterventionBar, SensitivityPoint, StripPoint } from './plots.ts';
import {
  bestLoss,
  distinct,
  highSensitivity,
  lossOf,
  overSeeds,
  type Rows,
  ratesIn,
  seedsOf,
  select,
  sensitivity,
  sizesOf,
  spreadOf,
} from './rows.ts';

const armsIn = (rows: Rows): string[] => distinct(rows.map(({ arm }) => arm));

/** Every (size, arm) that there are rows of. */
const groupsOf = (rows: Rows) =>
  sizesOf(rows).flatMap((size) =>
    armsIn(rows).flatMap((arm) => {
      const own = select(rows, { size, arm });
      return own.length > 0 ? [{ size, arm, rows: own }] : [];
    }),
  );

export const fanPoints = (rows: Rows): FanPoint[] =>
  groupsOf(rows).flatMap(({ size, arm, rows: own }) =>
    ratesIn(own).map((rate) => ({ size, arm, rate, loss: spreadOf(select(own, { rate }).map(lossOf)) })),
  );

export const sensitivityPoints = (rows: Rows): SensitivityPoint[] =>
  groupsOf(rows).flatMap(({ size, arm, rows: own }) => {
    const [{ parameters }] = own as [(typeof own)[number]];
    const of = (over: string, statistic: (rows: Rows) => number) => ({
      size,
      arm,
      parameters,
      over,
      sensitivity: overSeeds(seedsOf(own), (seed) => statistic(select(own, { seed }))),
    });
    return [of('all rates', sensitivity), of('high rates', highSensitivity)];
  });

export const stripPoints = (rows: Rows): StripPoint[] =>
  rows.flatMap(({ arm, telemetry }) =>
    telemetry.map(({ step, loss, maxLogit, entropy, logZ }) => {
      const finite = (values: (number | null)[]) => values.filter((value) => value !== null);
      return {
        arm,
        step,
        loss,
        maxLogit: maxLogit.includes(null) ? null : Math.max(...finite(maxLogit)),
        entropy: entropy.includes(null) ? null : mean(finite(entropy)),
        logZ,
      };
    }),
  );

export const interventionBars = (rows: Rows): InterventionBar[] =>
  groupsOf(rows).map(({ arm, rows: own }) => {
    const over = (statistic: (rows: Rows) => number) =>
      overSeeds(seedsOf(own), (seed) => statistic(select(own, { seed })));
    return { arm, sensitivity: over(highSensitivity), loss: over(bestLoss) };
  });

/** A line an arm and size: both sensitivities, the best loss and its rate. */
export function sensitivityTable(name: string, rows: Rows): RunEvent & { type: 'table' } {
  const digits = (value: number) => Number(value.toFixed(3));
  return {
    type: 'table',
    name,
    caption: 'Learning-rate sensitivity: how far losses lie above the best, on average over the learning rates',
    columns: [
      { name: 'size', type: 'text' },
      { name: 'parameters', type: 'number' },
      { name: 'arm', type: 'text' },
      { name: 'all rates', unit: 'nats', type: 'number' },
      { name: 'high rates', unit: 'nats', type: 'number' },
      { name: 'best loss', unit: 'nats', type: 'number' },
      { name: 'at learning rate', type: 'number' },
      { name: 'diverged', type: 'number' },
    ],
    rows: groupsOf(rows).map(({ size, arm, rows: own }) => {
      const over = (statistic: (rows: Rows) => number) =>
        mean(seedsOf(own).map((seed) => statistic(select(own, { seed }))));
      return [
        size,
        own[0]!.parameters,
        arm,
        digits(over(sensitivity)),
        digits(over(highSensitivity)),
        digits(over(bestLoss)),
        bestRateOf(own),
        own.filter(({ loss }) => loss === null).length,
      ];
    }),
  };
}

/** The rate with the least loss, mean over seeds. */
export function bestRateOf(rows: Rows): number {
  const means = ratesIn(rows).map((rate) => ({ rate, loss: mean(select(rows, { rate }).map(lossOf)) }));
  return means.reduce((best, entry) => (entry.loss < best.loss ? entry : best)).rate;
}
