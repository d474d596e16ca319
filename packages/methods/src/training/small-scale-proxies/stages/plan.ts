/** The experiment scaled to one machine: what is trained, and on what. */

import type { RunContext } from '../../../contract.ts';
import { armOf } from '../arms.ts';
import { type ProxyModel, paperProxy } from '../model.ts';
import type { Rows } from '../rows.ts';
import { jobsOf, sweep } from '../sweep.ts';
import { type Corpus, readCorpus } from '../text.ts';
import type { ScanSettings } from '../trainer.ts';

export interface Plan {
  text: string;
  settings: ScanSettings;
  headDim: number;
  rates: readonly number[];
  seeds: readonly number[];
  /** Sizes of the fan, rising; interventions are at the second. */
  sizes: readonly string[];
  /** One depth of the second size, of several widths, and its width of several depths. */
  widths: readonly string[];
  depths: readonly string[];
  /** What is predicted: a size, at rates. */
  larger: string;
  predicted: readonly number[];
}

export const plan: Plan = {
  text: 'house:books',
  settings: { steps: 300, warmUp: 40, every: 10, baseWidth: 32, batch: 16, sequence: 128 },
  headDim: 32,
  rates: [3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1, 3e-1],
  seeds: [1, 2, 3],
  sizes: ['1x32', '2x64', '3x128'],
  widths: ['2x32', '2x64', '2x128'],
  depths: ['1x64', '2x64', '4x64'],
  larger: '4x192',
  predicted: [1e-2, 3e-2],
};

/** Trains what a stage asks for; what is in the store is not trained again. */
export class Bench {
  readonly plan: Plan;
  readonly #corpus: Corpus;
  readonly #context: RunContext;

  private constructor(given: Plan, corpus: Corpus, context: RunContext) {
    this.plan = given;
    this.#corpus = corpus;
    this.#context = context;
  }

  static async open(given: Plan, context: RunContext): Promise<Bench> {
    return new Bench(given, await readCorpus(given.text, context, given.settings), context);
  }

  proxy(size: string): ProxyModel {
    const { headDim, settings } = this.plan;
    return paperProxy(size, { headDim, vocabulary: this.#corpus.vocabulary, sequence: settings.sequence });
  }

  /** The rows of sizes and arms over the plan's rates and seeds. */
  rows(sizes: readonly string[], arms: readonly string[], rates = this.plan.rates): Promise<Rows> {
    const jobs = jobsOf(
      sizes.map((size) => this.proxy(size)),
      arms.map(armOf),
      rates,
      this.plan.seeds,
    );
    return sweep(jobs, { settings: this.plan.settings, corpus: this.#corpus }, this.#context);
  }

  /** What a page says of it. */
  get setting(): string {
    const { settings, seeds, rates, headDim } = this.plan;
    return `${this.#corpus.name} (${this.#corpus.training.length.toLocaleString('en')} characters), ${settings.steps} steps of ${settings.batch} x ${settings.sequence} characters, warm-up ${settings.warmUp}, heads of ${headDim}, learning rates ${rates.join(', ')}, ${seeds.length} seeds; the interval is the range over the seeds`;
  }
}
