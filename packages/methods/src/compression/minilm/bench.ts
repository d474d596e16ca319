/** What the trained stages share: the teacher, the books, students that are kept, and fine-tuning that is kept. */
import { mean } from '@working-papers/measures';
import type { EncoderModel } from '@working-papers/models';
import type { RunContext } from '../../contract.ts';
import { type Books, readBooks } from './books.ts';
import { fineTuned } from './comparison.ts';
import { keptStudent } from './kept.ts';
import { Reporter, reportFineTuning } from './reporter.ts';
import type { Settings } from './settings.ts';
import type { Side, Student, Values } from './student.ts';
import { type Goal, type LogEntry, type StudentTrainingOptions, trainStudent } from './student-training.ts';

/** A distilled student and the account of it. */
export interface Trained {
  student: Student;
  log: LogEntry[];
}

/** How one distillation goes otherwise than the settings say. */
export type Pace = Partial<Pick<StudentTrainingOptions, 'steps' | 'rate' | 'warmup'>>;

export class Bench {
  readonly context: RunContext;
  readonly settings: Settings;
  readonly teacher: EncoderModel;
  readonly books: Books;
  readonly #key: string;

  private constructor(context: RunContext, settings: Settings, teacher: EncoderModel, books: Books) {
    this.context = context;
    this.settings = settings;
    this.teacher = teacher;
    this.books = books;
    const {
      books: _,
      teacher: _reference,
      seeds: _seeds,
      epochs: _epochs,
      finetuneRate: _rate,
      ...distilled
    } = settings;
    this.#key = `experiment ${JSON.stringify({ teacher: teacher.sha256, text: books.hash, ...distilled })}`;
  }

  static async open(context: RunContext, settings: Settings): Promise<Bench> {
    const teacher = await context.models.open(settings.teacher, { weights: 'fp32', signal: context.signal });
    if (teacher.kind !== 'encoder') throw new Error(`${teacher.reference} is no encoder.`);
    const books = await readBooks(context, teacher.tokenizer, settings);
    return new Bench(context, settings, teacher, books);
  }

  get side(): Side {
    return { config: this.teacher.config, weights: this.teacher.graphWeights };
  }

  /** The student of this name, trained on the books for `steps` or found where it was kept. */
  async distilled(
    name: string,
    config: Student['config'],
    initial: () => Values | Promise<Values>,
    goal: Goal,
    { steps = this.settings.steps, rate = this.settings.rate, warmup }: Pace = {},
  ): Promise<Trained> {
    const { context, settings, teacher, books } = this;
    const reporter = new Reporter(context, steps, name);
    const own = rate === settings.rate && warmup === undefined ? '' : ` ${JSON.stringify({ rate, warmup })}`;
    const { student, about, found } = await keptStudent<{ log: LogEntry[] }>(
      context.store,
      `${this.#key} ${name} ${steps}${own}`,
      config,
      async (kept) => {
        const made = await trainStudent(teacher.runtime, goal, config, await initial(), books, {
          steps,
          batch: settings.batch,
          seq: settings.seq,
          rate,
          warmup,
          seed: 1,
          padId: teacher.tokenizer.padId ?? 0,
          signal: context.signal,
          kept,
          onEvent: (event) => reporter.take(event),
        });
        if (made.diverged) throw new Error(`The distillation "${name}" came to a loss that is no number.`);
        return { student: made.student, about: { log: made.log } };
      },
    );
    if (found)
      context.emit({ type: 'text', markdown: `The student "${name}" was trained in an earlier run and kept.` });
    return { student, log: about.log };
  }

  /** Accuracy on the test passages after fine-tuning with each of the seeds, in per cent, in the seeds' order. */
  async fineTuned(name: string, model: Student): Promise<number[]> {
    const { context, settings, teacher, books } = this;
    const accuracies: number[] = [];
    for (const seed of settings.seeds) {
      const key = `${this.#key} ${name} fine-tuned ${JSON.stringify([settings.epochs, settings.finetuneRate, seed])}`;
      const known = await context.store.get(key);
      if (known) {
        accuracies.push(JSON.parse(new TextDecoder().decode(known)) as number);
        continue;
      }
      const { accuracy } = await fineTuned(teacher.runtime, model, teacher.tokenizerFiles, {
        train: books.train,
        test: books.test,
        labels: books.labels,
        epochs: settings.epochs,
        batch: settings.batch,
        length: settings.seq,
        rate: settings.finetuneRate,
        seed,
        signal: context.signal,
        onStep: reportFineTuning(context, name, `Fine-tuning "${name}" with seed ${seed}`),
      });
      await context.store.put(key, new TextEncoder().encode(JSON.stringify(100 * accuracy)));
      accuracies.push(100 * accuracy);
      context.emit({
        type: 'metric',
        series: `accuracy of ${name}`,
        x: seed,
        y: 100 * accuracy,
        xUnit: 'seed',
        yUnit: '%',
      });
    }
    return accuracies;
  }

  /** How the values of the trained stages were come to, for evidence. */
  get setting(): string {
    const { settings, books, teacher } = this;
    const share = (settings.steps * settings.batch) / books.sequences.length;
    return `${teacher.reference} (fp32) as teacher; students distilled for ${settings.steps} steps of ${settings.batch} passages of ${settings.seq} tokens (${share.toFixed(1)} times the ${books.sequences.length.toLocaleString('en')} passages) at ${settings.rate}; then all weights fine-tuned for ${settings.epochs} epochs at ${settings.finetuneRate} on ${books.train.length} passages labelled with one of ${books.labels.length} books, tested on ${books.test.length} from other chapters`;
  }
}

/** Mean with the smallest and largest: with three seeds their range is the honest interval. */
export const rangeOf = (values: readonly number[]): { value: number; low: number; high: number } => ({
  value: mean(values),
  low: Math.min(...values),
  high: Math.max(...values),
});
