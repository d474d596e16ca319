/** What a distillation says of itself as it goes: series, and a sentence a few times a second. */
import type { RunContext } from '../../contract.ts';
import type { LogEntry, StudentTrainingEvent } from './student-training.ts';

/** Milliseconds between two sentences. */
const pace = 300;

export class Reporter {
  readonly #context: RunContext;
  readonly #steps: number;
  readonly #name: string;
  #last = Number.NEGATIVE_INFINITY;
  #entry: LogEntry | undefined;

  /** @param name what is trained, where the event does not say it */
  constructor(context: RunContext, steps: number, name = '') {
    this.#context = context;
    this.#steps = steps;
    this.#name = name;
  }

  take(event: StudentTrainingEvent & { of?: 'assistant' | 'student' }): void {
    const who = event.of === 'assistant' ? 'assistant' : this.#name;
    const stage = who === '' ? 'student' : who;
    if (event.type === 'resumed') {
      this.#context.emit({
        type: 'text',
        markdown: `The training of the ${stage} was broken off before and goes on from step ${event.step}.`,
      });
    } else if (event.type === 'log') this.#log(event.entry, who);
    else this.#step(event.step, stage);
  }

  #log(entry: LogEntry, who: string): void {
    const series = (name: string) =>
      [who, entry.heldOut ? 'held-out' : '', name].filter((part) => part !== '').join(' ');
    const point = (name: string, y: number, yUnit: string) =>
      this.#context.emit({ type: 'metric', series: series(name), x: entry.step, y, xUnit: 'steps', yUnit });
    for (const [part, value] of Object.entries(entry.parts)) point(part, value, part === 'MSE' ? '' : 'nats');
    if (entry.rate !== undefined) point('rate', entry.rate, '');
    if (entry.tokensPerSecond !== undefined) point('speed', entry.tokensPerSecond, 'tokens/s');
    this.#entry = entry;
  }

  #step(step: number, stage: string): void {
    const now = this.#context.elapsed();
    if (now - this.#last < pace && step < this.#steps) return;
    this.#last = now;
    const parts = Object.entries(this.#entry?.parts ?? {}).map(([name, value]) => `${name} ${value.toFixed(3)}`);
    this.#context.emit({
      type: 'progress',
      stage,
      done: step,
      total: this.#steps,
      unit: 'steps',
      message: `${this.#name === '' ? `Training the ${stage}` : this.#name}: ${parts.join(', ')}`,
    });
  }
}

/** What a fine-tuning says of itself, every fifth step and at the end: `says` what it does, and the loss. */
export const reportFineTuning =
  (context: RunContext, name: string, says: string) =>
  (step: number, steps: number, loss: number): void => {
    if (step % 5 !== 0 && step !== steps) return;
    const message = `${says}: loss ${loss.toFixed(3)}`;
    context.emit({ type: 'progress', stage: `fine-tuning ${name}`, done: step, total: steps, unit: 'steps', message });
  };
