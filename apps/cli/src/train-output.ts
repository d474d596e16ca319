/** A training shown as it goes: a bar with what the last step said, evaluations as lines, or JSON lines. */
import type { SettledTraining, Task, TaskEvent } from '@working-papers/training';
import type { Terminal } from './terminal.ts';

const grouped = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });
const count = (value: number, unit: string): string => `${grouped.format(value)} ${unit}${value === 1 ? '' : 's'}`;
const short = (value: number): string => String(Number(value.toPrecision(3)));

/** "2 h 5 min", "3 min", "40 s". */
export function duration(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 90) return `${whole} s`;
  const minutes = Math.round(whole / 60);
  return minutes < 90 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** What is about to happen, in sentences. */
export function plan(task: Task, settings: SettledTraining, weights: number, from: number): string[] {
  const { steps, evaluateEvery, rate } = settings;
  const perEpoch =
    settings.stepsPerEpoch ?? (task.batch === undefined ? undefined : task.rows / (task.batch * settings.accumulate));
  const epochs = perEpoch === undefined ? '' : ` (${short(steps / perEpoch)} times through them)`;
  const lines = [
    `${task.kind} on ${count(task.rows, 'row')}: ${count(steps, 'step')}${epochs}, ${count(weights, 'weight')} trained, rate up to ${short(rate)}.`,
  ];
  if (task.labels) lines.push(`Labels: ${shortList(task.labels)}.`);
  if (from > 0) lines.push(`Going on from step ${from}.`);
  if (evaluateEvery === undefined)
    lines.push(
      'Nothing is evaluated: give rows that are not learnt (--eval FILE, or --eval-share 0.1) to see how it does on those.',
    );
  return lines;
}

const shortList = (names: readonly string[]): string =>
  names.length > 12 ? `${names.slice(0, 12).join(', ')} and ${names.length - 12} more` : names.join(', ');

/** The line of a step. */
export const stepLine = (event: Extract<TaskEvent, { type: 'step' }>, steps: number): string =>
  [
    `step ${event.step} of ${steps}`,
    `loss ${event.loss.toFixed(4)}`,
    `rate ${event.rate.toExponential(1)}`,
    `gradient ${event.gradientNorm.toFixed(2)}`,
    ...(event.tokensPerSecond === undefined ? [] : [`${grouped.format(event.tokensPerSecond)} tokens/s`]),
    `${duration(event.secondsLeft)} left`,
  ].join(', ');

/** "loss 0.3121, accuracy 0.9312". */
export const valuesLine = (values: Readonly<Record<string, number>>): string =>
  Object.entries(values)
    .map(([name, value]) => `${name} ${value.toFixed(4)}`)
    .join(', ');

/** Shows an event; steps are a bar. */
export function showTraining(event: TaskEvent, steps: number, terminal: Terminal): void {
  if (event.type === 'step') terminal.progress({ done: event.step, total: steps, message: stepLine(event, steps) });
  if (event.type === 'evaluation')
    terminal.note(`Step ${event.step}: ${valuesLine(event.values)}${event.best ? ' (the best so far)' : ''}.`);
  if (event.type === 'end' && event.why === 'patience')
    terminal.note(`Step ${event.step}: no evaluation was better for a while, so the training ends.`);
}
