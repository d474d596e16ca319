/** What the rows of a scan say: tables, plots and a recommendation in words, all of it computed from them. */
import type { RunContext } from '../../contract.ts';
import { growthLine } from './growth.ts';
import { fanPlot, growthPlot, interventionPlot, sensitivityPlot, stripPlot } from './plots.ts';
import { calibratedLimit, fitGrowth, type LogitLimit } from './prediction.ts';
import { recommendation } from './recommendation.ts';
import {
  bestLoss,
  distinct,
  gradientOf,
  lossOf,
  maxLogitOf,
  overSizes,
  paired,
  type Rows,
  ratesIn,
  type Spread,
  seedsOf,
  select,
  sizesOf,
} from './rows.ts';
import { highSide } from './sensitivity.ts';
import type { ScanSettings } from './trainer.ts';
import { bestRateOf, fanPoints, interventionBars, sensitivityPoints, sensitivityTable, stripPoints } from './views.ts';

/** What sensitivity.json holds. */
export interface ScanSummary {
  rates: number[];
  steps: number;
  sensitivities: {
    size: string;
    parameters: number;
    arm: string;
    all: Spread;
    high: Spread;
    bestLoss: number;
    bestRate: number;
  }[];
  /** The attention logit that raises the alarm, and what it rests on. */
  alarm: LogitLimit | { limit: number };
  /** Without qk-layernorm, for each high rate: parameters at which a logit or a gradient is foretold to pass its limit; null for never. */
  foretold: {
    arm: string;
    rate: number;
    logits: number | null;
    gradients: number | null;
    logitsAtTarget: number | null;
  }[];
}

export interface ReportOptions {
  rates: readonly number[];
  settings: ScanSettings;
  /** Parameters of the model that the reader wants to train. */
  target: number | undefined;
}

/** The attention logit at which the paper's models had diverged. */
export const paperLimit = 1e4;
/** A gradient below so many times ε is held down by it. */
export const epsMargin = 10;

export function report(rows: Rows, options: ReportOptions, context: RunContext): ScanSummary {
  const summary = summarise(rows, options);
  const arms = distinct(rows.map(({ arm }) => arm));
  const sizes = sizesOf(rows);
  const largest = sizes.at(-1)!;
  context.emit({ type: 'text', markdown: recommendation(rows, summary, options) });
  context.emit({
    type: 'plot',
    name: 'fan',
    caption: 'Final loss over learning rate',
    spec: fanPlot(fanPoints(rows), { sizes, arms }),
  });
  if (sizes.length > 1)
    context.emit({
      type: 'plot',
      name: 'sensitivity',
      caption: 'Learning-rate sensitivity over the number of parameters',
      spec: sensitivityPlot(sensitivityPoints(rows), arms),
    });
  if (arms.length > 1)
    context.emit({
      type: 'plot',
      name: 'arms',
      caption: `Each recipe at ${largest}: sensitivity and best loss`,
      spec: interventionPlot(interventionBars(select(rows, { size: largest }))),
    });
  growthPlots(rows, summary, options, context);
  const high = highSide(rows).map(({ rate }) => rate);
  const shown =
    distinct(high)
      .sort((a, b) => a - b)
      .at(-2) ?? high[0]!;
  context.emit({
    type: 'plot',
    name: 'telemetry',
    caption: `What a run shows of itself: ${largest} at a learning rate of ${shown}`,
    spec: stripPlot(stripPoints(select(rows, { size: largest, rate: shown, seed: seedsOf(rows)[0]! })), arms),
  });
  context.emit(sensitivityTable('sensitivity', rows));
  return summary;
}

function summarise(rows: Rows, { rates, settings, target }: ReportOptions): ScanSummary {
  const points = sensitivityPoints(rows);
  const limit = calibratedLimit(
    paired(rows, 'base', 'qk-norm').map(({ one, other }) => ({
      maxLogit: maxLogitOf(one),
      gap: lossOf(one) - lossOf(other),
    })),
  );
  const alarm = limit ?? { limit: paperLimit };
  const foretellers = distinct(rows.map(({ arm }) => arm)).filter((arm) => !arm.includes('qk-norm'));
  const highRates = highSide([...rates].map((rate) => ({ rate }))).map(({ rate }) => rate);
  return {
    rates: [...rates],
    steps: settings.steps,
    sensitivities: points
      .filter(({ over }) => over === 'all rates')
      .map(({ size, arm, parameters, sensitivity }) => {
        const own = select(rows, { size, arm });
        const high = points.find((point) => point.size === size && point.arm === arm && point.over !== 'all rates')!;
        return {
          size,
          parameters,
          arm,
          all: sensitivity,
          high: high.sensitivity,
          bestLoss: bestLoss(own),
          bestRate: bestRateOf(own),
        };
      }),
    alarm,
    foretold:
      sizesOf(rows).length < 3
        ? []
        : foretellers.flatMap((arm) =>
            highRates.map((rate) => {
              const own = select(rows, { arm, rate });
              const logits = fitGrowth(overSizes(own, maxLogitOf), 2);
              const gradients = fitGrowth(overSizes(own, gradientOf), 1);
              return {
                arm,
                rate,
                logits: logits.reaches(alarm.limit) ?? null,
                gradients: gradients.fallsTo(epsMargin * 1e-8) ?? null,
                logitsAtTarget: target === undefined ? null : logits.at(target),
              };
            }),
          ),
  };
}

function growthPlots(rows: Rows, summary: ScanSummary, { target }: ReportOptions, context: RunContext): void {
  const arm = summary.foretold[0]?.arm;
  if (arm === undefined) return;
  const own = select(rows, { arm });
  const until = Math.max(target ?? 0, 4 * Math.max(...own.map(({ parameters }) => parameters)));
  const shown = highSide(ratesIn(own).map((rate) => ({ rate }))).map(({ rate }) => rate);
  const lines = (of: typeof maxLogitOf, degree: 1 | 2) =>
    shown.map((rate) => growthLine(rate, select(own, { rate }), [], of, degree, { until }));
  const calibrated = 'wrong' in summary.alarm;
  context.emit({
    type: 'plot',
    name: 'logits',
    caption: `The largest attention logit over the number of parameters (${arm}), and how it goes on`,
    spec: growthPlot(lines(maxLogitOf, 2), {
      title: 'largest attention logit',
      limits: [
        ...(calibrated
          ? [
              {
                value: summary.alarm.limit,
                name: `alarm, from these runs: ${Number(summary.alarm.limit.toPrecision(2)).toLocaleString('en')}`,
              },
            ]
          : []),
        { value: paperLimit, name: '1e4, recalled from the paper' },
      ],
    }),
  });
  context.emit({
    type: 'plot',
    name: 'gradients',
    caption: `RMS of the embedding's gradient over the number of parameters (${arm}), and AdamW's eps that would hold it down`,
    spec: growthPlot(lines(gradientOf, 1), {
      title: 'gradient RMS',
      limits: [
        { value: 1e-6, name: 'eps 1e-6' },
        { value: 1e-8, name: 'eps 1e-8' },
      ],
    }),
  });
}
