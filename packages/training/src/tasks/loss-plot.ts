/** The course of a training as a picture. */

/** A point of it: what was said of a step or an evaluation. */
export interface LossPoint {
  step: number;
  loss: number;
  of: 'training' | 'evaluation';
}

/** Points of the training's line at most; more are joined by their means. */
const mostPoints = 300;

/** A Vega-Lite spec of the loss by steps; steps that are too many for a line are means of neighbours. */
export function lossPlot(
  events: readonly { type: string; step: number; loss?: number; values?: Readonly<Record<string, number>> }[],
): Record<string, unknown> {
  const steps = events.flatMap(({ type, step, loss }): LossPoint[] =>
    type === 'step' && Number.isFinite(loss) ? [{ step, loss: loss!, of: 'training' }] : [],
  );
  const evaluations = events.flatMap(({ type, step, values }): LossPoint[] =>
    type === 'evaluation' && Number.isFinite(values?.loss) ? [{ step, loss: values!.loss!, of: 'evaluation' }] : [],
  );
  const size = Math.max(1, Math.ceil(steps.length / mostPoints));
  const means = Array.from({ length: Math.ceil(steps.length / size) }, (_, index): LossPoint => {
    const part = steps.slice(index * size, (index + 1) * size);
    const mean = (of: (point: LossPoint) => number) => part.reduce((sum, point) => sum + of(point), 0) / part.length;
    return { step: Math.round(mean(({ step }) => step)), loss: rounded(mean(({ loss }) => loss)), of: 'training' };
  });
  const values = [...means, ...evaluations.map((point) => ({ ...point, loss: rounded(point.loss) }))];
  return {
    $schema: 'https://vega.github.io/schema/vega-lite/v6.json',
    data: { values },
    mark: { type: 'line', point: evaluations.length > 0 && steps.length === 0 },
    encoding: {
      x: { field: 'step', type: 'quantitative', title: 'step' },
      y: { field: 'loss', type: 'quantitative', title: 'loss', scale: { zero: false } },
      color: { field: 'of', type: 'nominal', title: null },
    },
  };
}

const rounded = (value: number): number => Number(value.toPrecision(5));
