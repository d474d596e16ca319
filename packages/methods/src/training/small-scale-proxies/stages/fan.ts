/** Learning rate against loss at three sizes, with and without qk-layernorm. */
import type { RunContext, Value } from '../../../contract.ts';
import { fanPlot, sensitivityPlot, stripPlot } from '../plots.ts';
import { band, highSensitivity, overSeeds, select, sensitivity } from '../rows.ts';
import { fanPoints, sensitivityPoints, sensitivityTable, stripPoints } from '../views.ts';
import { Bench, type Plan, plan } from './plan.ts';

export const fanArms = ['base', 'qk-norm'];

export async function fan(context: RunContext, given: Plan = plan): Promise<void> {
  const bench = await Bench.open(given, context);
  const { sizes, seeds } = given;
  const rows = await bench.rows(sizes, fanArms);
  const setting = bench.setting;
  context.emit({
    type: 'plot',
    name: 'fan',
    caption: 'Final loss over learning rate, a line a size, without and with qk-layernorm',
    setting,
    spec: fanPlot(fanPoints(rows), { sizes: [...sizes], arms: fanArms }),
  });
  context.emit({
    type: 'plot',
    name: 'sensitivity',
    caption: 'Learning-rate sensitivity over the number of parameters',
    setting,
    spec: sensitivityPlot(sensitivityPoints(rows), fanArms),
  });
  const [size, rate] = [sizes.at(-1)!, given.rates.at(-2)!];
  context.emit({
    type: 'plot',
    name: 'telemetry',
    caption: `What a run shows of itself: ${size} at a learning rate of ${rate}`,
    setting,
    spec: stripPlot(stripPoints(select(rows, { size, rate, seed: seeds[0]! })), fanArms),
  });
  context.emit(sensitivityTable('sensitivity', rows));

  const gain = (of: typeof sensitivity, at: string): Value => ({
    ...overSeeds(seeds, (seed) => {
      const [base, qk] = fanArms.map((arm) => of(select(rows, { size: at, arm, seed })));
      return base! - qk!;
    }),
    unit: 'nats',
    model: at,
  });
  const [first, second, third] = [sizes[0]!, sizes.at(-2)!, sizes.at(-1)!];
  const wider = overSeeds(seeds, (seed) => {
    const [base, qk] = fanArms.map((arm) => band(select(rows, { size: third, arm, seed })));
    return 10 ** (qk! - base!);
  });
  context.emit({
    type: 'evidence',
    claim: 'P1',
    stage: 'fan',
    values: {
      all1: gain(sensitivity, first),
      all2: gain(sensitivity, second),
      all3: gain(sensitivity, third),
      high1: gain(highSensitivity, first),
      high2: gain(highSensitivity, second),
      high3: gain(highSensitivity, third),
      band: { ...wider, unit: 'x', model: third },
    },
    setting: `${setting}; sensitivity without minus with qk-layernorm, over all rates and over those from 1e-2 on; band: how many times as wide the stretch of rates within 0.2 nats of the best is`,
    seeds: [...seeds],
  });
}
