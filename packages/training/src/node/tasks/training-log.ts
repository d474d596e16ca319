/** What a training said of itself, in a file of a line an event, and a plot of it. */
import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import { writeWhole } from '@working-papers/models/node';
import type { TaskEvent } from '../../tasks/training.ts';

/** Events that are kept: steps, evaluations and the end. */
export type LoggedEvent = Exclude<TaskEvent, { type: 'checkpoint' }>;

/** The events of a log; a line that a killed process left half is left out. */
export function readLog(path: string): LoggedEvent[] {
  if (!existsSync(path)) return [];
  const events: LoggedEvent[] = [];
  for (const line of readFileSync(path, 'utf8').split('\n')) {
    try {
      if (line !== '') events.push(JSON.parse(line) as LoggedEvent);
    } catch {
      // Only the last line can be half.
      break;
    }
  }
  return events;
}

/** Goes on with a log behind a step: what came after it will be said again. */
export class TrainingLog {
  readonly #path: string;

  private constructor(path: string) {
    this.#path = path;
  }

  static async after(path: string, step: number): Promise<TrainingLog> {
    const kept = readLog(path).filter((event) => event.step <= step && event.type !== 'end');
    await writeWhole(path, linesOf(kept));
    return new TrainingLog(path);
  }

  append(event: TaskEvent): void {
    if (event.type !== 'checkpoint') appendFileSync(this.#path, `${JSON.stringify(event)}\n`);
  }
}

async function* linesOf(events: readonly LoggedEvent[]): AsyncGenerator<Uint8Array> {
  for (const event of events) yield new TextEncoder().encode(`${JSON.stringify(event)}\n`);
}
