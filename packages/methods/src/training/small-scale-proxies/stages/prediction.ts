/** Fitted on three sizes, predicted for a fourth, then trained. */
import type { RunContext } from '../../../contract.ts';
import { growthLine } from '../growth.ts';
import { growthPlot } from '../plots.ts';
import { calibratedLimit, fitGrowth, unstableLoss } from '../prediction.ts';
import { gradientOf, lossOf, maxLogitOf, overSeeds, overSizes, paired, type Row, select } from '../rows.ts';
import { Bench, type Plan, plan } from './plan.ts';

export async function prediction(context: RunContext, given: Plan = plan): Promise<void> {
  const bench = await Bench.open(given, context);
  const { seeds, sizes, larger, predicted: rates } = given;
  const small = await bench.rows(sizes, ['base', 'qk-norm']);
  const limit = calibratedLimit(
    paired(small, 'base', 'qk-norm').map(({ one, other }) => ({
      maxLogit: maxLogitOf(one),
      gap: lossOf(one) - lossOf(other),
    })),
  );
  const alarmAt = limit?.limit ?? 1e4;
  const base = select(small, { arm: 'base' });
  const n = bench.proxy(larger);
  const fits = (of: (row: Row) => number, degree: 1 | 2, rate: number, seed: number) =>
    fitGrowth(overSizes(select(base, { rate, seed }), of), degree);
  context.emit({
    type: 'text',
    markdown: limit
      ? `Attention logits above ${limit.limit.toPrecision(2)} tell runs that lose more than ${unstableLoss} nats to their pair with qk-layernorm from the others (${limit.wrong} of ${limit.pairs} pairs on the wrong side). This is the alarm for ${larger}.`
      : `All runs without qk-layernorm are of one kind, so the alarm stays at the paper's 1e4.`,
  });
  const trained = await bench.rows([larger], ['base', 'qk-norm'], rates);
  const N = trained[0]!.parameters;
  const seen = (rate: number, seed: number, arm = 'base') => select(trained, { arm, rate, seed })[0]!;
  context.emit({
    type: 'table',
    name: 'prediction',
    caption: `Foretold from ${sizes.join(', ')}, then seen, at ${n.size} (${N.toLocaleString('en')} parameters)`,
    columns: [
      { name: 'learning rate', type: 'number' },
      { name: 'seed', type: 'number' },
      { name: 'logit foretold', type: 'number' },
      { name: 'logit seen', type: 'number' },
      { name: 'alarm', type: 'boolean' },
      { name: 'lost to qk-layernorm', unit: 'nats', type: 'number' },
      { name: 'gradient RMS foretold', type: 'number' },
      { name: 'gradient RMS seen', type: 'number' },
    ],
    rows: rates.flatMap((rate) =>
      seeds.map((seed) => {
        const row = seen(rate, seed);
        const logit = fits(maxLogitOf, 2, rate, seed).at(N);
        const short = (value: number) => Number(value.toPrecision(3));
        return [
          rate,
          seed,
          short(logit),
          short(maxLogitOf(row)),
          logit > alarmAt,
          short(lossOf(row) - lossOf(seen(rate, seed, 'qk-norm'))),
          short(fits(gradientOf, 1, rate, seed).at(N)),
          short(gradientOf(row)),
        ];
      }),
    ),
  });
  const lines = (of: (row: Row) => number, degree: 1 | 2, shown: readonly number[]) =>
    shown.map((rate) =>
      growthLine(rate, select(base, { rate }), select(trained, { arm: 'base', rate }), of, degree, { until: 2.5 * N }),
    );
  const { setting } = bench;
  context.emit({
    type: 'plot',
    name: 'logits',
    caption: `The largest attention logit over the number of parameters, without qk-layernorm: a parabola through three sizes, and ${larger} (diamonds), which it has not seen`,
    setting,
    spec: growthPlot(lines(maxLogitOf, 2, rates), {
      title: 'largest attention logit',
      limits: [
        ...(limit
          ? [{ value: alarmAt, name: `alarm, from these runs: ${Number(alarmAt.toPrecision(2)).toLocaleString('en')}` }]
          : []),
        { value: 1e4, name: '1e4, recalled from the paper' },
      ],
    }),
  });
  context.emit({
    type: 'plot',
    name: 'gradients',
    caption: "RMS of the embedding's gradient over the number of parameters, and AdamW's eps that would hold it down",
    setting,
    spec: growthPlot(lines(gradientOf, 1, rates), {
      title: 'gradient RMS',
      limits: [
        { value: 1e-6, name: 'eps 1e-6' },
        { value: 1e-8, name: 'eps 1e-8' },
      ],
    }),
  });
  const error = (of: (row: Row) => number, degree: 1 | 2) => ({
    ...overSeeds(seeds, (seed) =>
      Math.max(...rates.map((rate) => Math.abs(Math.log10(fits(of, degree, rate, seed).at(N) / of(seen(rate, seed)))))),
    ),
    unit: 'decades',
    model: larger,
  });
  context.emit({
    type: 'evidence',
    claim: 'A5',
    stage: 'prediction',
    values: {
      right: {
        ...overSeeds(
          seeds,
          (seed) =>
            rates.filter((rate) => {
              const foretold = fits(maxLogitOf, 2, rate, seed).at(N) > alarmAt;
              return foretold === lossOf(seen(rate, seed)) - lossOf(seen(rate, seed, 'qk-norm')) > unstableLoss;
            }).length / rates.length,
        ),
        unit: 'of the learning rates',
        model: larger,
      },
      logits: error(maxLogitOf, 2),
      gradients: error(gradientOf, 1),
    },
    setting: `${setting}; fitted on ${sizes.join(', ')} at ${rates.join(' and ')}, foretold for ${larger} (${N.toLocaleString('en')} parameters), then trained. right: where the fit lies above ${alarmAt.toPrecision(2)}, which was calibrated on the smaller sizes, exactly if the run loses more than ${unstableLoss} nats to qk-layernorm; logits, gradients: how far the farthest value is from what was foretold`,
    seeds: [...seeds],
  });
}
