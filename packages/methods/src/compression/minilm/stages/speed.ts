/** Seconds of the six shapes of the paper's table, with random weights, in turn. */
import { median } from '@working-papers/measures';
import type { RunContext } from '../../../contract.ts';
import { sideOf } from '../distill.ts';
import { speedPlot } from '../plots.ts';
import { randomWeights, shapeName, studentConfig, studentOf } from '../student.ts';
import { flopsAToken, millisecondsABatch, spreadOf } from '../timing.ts';
import { bertBase, tableShapes } from './shapes.ts';

export const timing = { rows: 8, length: 128, rounds: 10 };

export async function speed(context: RunContext): Promise<void> {
  const configs = tableShapes.map((shape) => studentConfig(bertBase, shape));
  const runtime = context.runtime.sharing();
  try {
    const sides = configs.map((config) => sideOf(studentOf(config, randomWeights(config, 1))));
    const times = await millisecondsABatch(runtime, sides, {
      ...timing,
      signal: context.signal,
      elapsed: context.elapsed,
      onRound: (round) =>
        context.emit({
          type: 'progress',
          stage: 'speed',
          done: round,
          total: timing.rounds,
          unit: 'rounds',
          message: round === 0 ? 'The first passes' : `Six shapes in turn, round ${round}`,
        }),
    });
    const [base] = times;
    const rows = tableShapes.map((shape, index) => ({
      name: shape.name,
      shape: shapeName(shape),
      milliseconds: median(times[index]!),
      // Round by round, so that a busy moment meets both.
      ratio: spreadOf(base!.map((slow, round) => slow / times[index]![round]!)),
      paper: tableShapes[0]!.seconds / shape.seconds,
      operations: flopsAToken(configs[0]!, timing.length) / flopsAToken(configs[index]!, timing.length),
    }));
    context.emit({
      type: 'table',
      name: 'speed',
      caption: `Time of a batch of ${timing.rows} x ${timing.length} tokens, ${timing.rounds} rounds in turn`,
      columns: [
        { name: 'shape', type: 'text' },
        { name: 'time', unit: 'ms', type: 'number' },
        { name: 'faster', unit: 'x', type: 'number' },
        { name: 'paper', unit: 'x', type: 'number' },
        { name: 'fewer operations', unit: 'x', type: 'number' },
      ],
      rows: rows.map(({ shape, milliseconds, ratio, paper, operations }) => [
        shape,
        Number(milliseconds.toFixed(1)),
        ...[ratio.value, paper, operations].map((one) => Number(one.toFixed(2))),
      ]),
    });
    context.emit({
      type: 'plot',
      name: 'speed',
      caption: 'How many times as fast as BERT-base each shape is, here and in the paper',
      setting: `random weights, fp32, ${timing.rows} x ${timing.length} tokens`,
      spec: speedPlot(rows.slice(1)),
    });
    context.emit({
      type: 'evidence',
      claim: 'ML-6',
      stage: 'speed',
      values: Object.fromEntries(rows.slice(1).map(({ name, ratio }) => [name, { ...ratio, unit: 'x' }])),
      setting: `random weights, fp32, ${timing.rows} x ${timing.length} tokens, all six shapes in turn for ${timing.rounds} rounds; the ratio to 12x768 round by round, median with quartiles`,
    });
  } finally {
    runtime.close();
  }
}
