/** Questions that are asked of rows. */
import { mean } from '@working-papers/measures';
import type { SizePoint } from './prediction.ts';
import { bestRate, highSideSensitivity, learningRateSensitivity, type RatePoint, stableBand } from './sensitivity.ts';
import type { Row } from './sweep.ts';

export type { Row };

import type { RowTelemetry } from './trainer.ts';

export type Rows = readonly Row[];

/** Those of a size, an arm, a seed, at a rate. */
export const select = (
  rows: Rows,
  { size, arm, seed, rate }: { size?: string; arm?: string; seed?: number; rate?: number },
): Row[] =>
  rows.filter(
    (row) =>
      (size === undefined || row.size === size) &&
      (arm === undefined || row.arm === arm) &&
      (seed === undefined || row.seed === seed) &&
      (rate === undefined || Math.abs(row.rate / rate - 1) < 1e-3),
  );

export const distinct = <T>(values: readonly T[]): T[] => [...new Set(values)];
export const seedsOf = (rows: Rows): number[] => distinct(rows.map(({ seed }) => seed)).sort((a, b) => a - b);
export const ratesIn = (rows: Rows): number[] => distinct(rows.map(({ rate }) => rate)).sort((a, b) => a - b);
/** Sizes by their parameters. */
export const sizesOf = (rows: Rows): string[] =>
  distinct([...rows].sort((a, b) => a.parameters - b.parameters).map(({ size }) => size));

/** A statistic of one arm at one size and seed. */
function statistic(of: (points: RatePoint[], initial: number) => number) {
  return (rows: Rows): number =>
    of(
      rows.map(({ rate, loss }) => ({ rate, loss })),
      mean(rows.map(({ initial }) => initial)),
    );
}
export const sensitivity = statistic(learningRateSensitivity);
export const highSensitivity = statistic(highSideSensitivity);
export const band = statistic(stableBand);
export const bestLogRate = statistic(bestRate);
/** The least loss over the rates. */
export const bestLoss = (rows: Rows): number => Math.min(...rows.map(lossOf));
/** The loss that counts: what diverged has that of the beginning. */
export const lossOf = ({ loss, initial }: Row): number => Math.min(loss ?? initial, initial);

/** Mean over seeds with the least and the greatest of them. */
export interface Spread {
  value: number;
  low: number;
  high: number;
}

export function spreadOf(values: readonly number[]): Spread {
  return { value: mean(values), low: Math.min(...values), high: Math.max(...values) };
}

/** A statistic of each seed's rows, as its spread. */
export const overSeeds = (seeds: readonly number[], of: (seed: number) => number): Spread => spreadOf(seeds.map(of));

/** The last watched step that was finite. */
export function lastTelemetry({ telemetry }: Row): RowTelemetry {
  const last = telemetry.findLast(({ loss, maxLogit }) => loss !== null && maxLogit.every((value) => value !== null));
  return last ?? telemetry[0]!;
}

/** Largest |attention logit| over the layers at the last finite watched step. */
export const maxLogitOf = (row: Row): number => Math.max(...lastTelemetry(row).maxLogit.map((value) => value ?? 0));

/** RMS of the embedding's clipped gradient, a mean over the last third of the watched steps. */
export function gradientOf({ telemetry }: Row): number {
  const late = telemetry.slice(Math.floor((2 * telemetry.length) / 3)).flatMap(({ gradient }) => gradient ?? []);
  return late.length > 0 ? mean(late) : 0;
}

/** Mean log Z at the end. */
export const logZOf = (row: Row): number => lastTelemetry(row).logZ ?? 0;

/** A value of each row as points over the parameters. */
export const overSizes = (rows: Rows, of: (row: Row) => number): SizePoint[] =>
  rows.map((row) => ({ n: row.parameters, value: of(row) }));

/** Each row with its partner of another arm: the same size, rate and seed. */
export function paired(rows: Rows, one: string, other: string): { one: Row; other: Row }[] {
  const key = ({ size, rate, seed }: Row) => `${size} ${rate} ${seed}`;
  const partners = new Map(select(rows, { arm: other }).map((row) => [key(row), row]));
  return select(rows, { arm: one }).flatMap((row) => {
    const partner = partners.get(key(row));
    return partner ? [{ one: row, other: partner }] : [];
  });
}
