/** The checkpoint of the best run of a scan. */
import { joinedPieces, type SafetensorsTensor, safetensorsFile } from '@working-papers/models';
import { writeText } from '../../artifact-text.ts';
import type { RunContext } from '../../contract.ts';
import { lossOf, type Row } from './rows.ts';
import { type Job, keyOf, type SweepOptions } from './sweep.ts';
import { structureOf, Trainer } from './trainer.ts';

type Weights = ReturnType<Trainer['weights']>;

/** Keeps the weights of each run that was the best until then, beside its row. */
export class BestWeights {
  readonly #context: RunContext;
  readonly #options: SweepOptions;
  #least = Number.POSITIVE_INFINITY;

  constructor(context: RunContext, options: SweepOptions) {
    this.#context = context;
    this.#options = options;
  }

  /** A run has ended, or was there; its weights are in the trainer if it was trained now. */
  async take(row: Row, trainer: Trainer | undefined, job: Job): Promise<void> {
    if (lossOf(row) >= this.#least) return;
    this.#least = lossOf(row);
    if (trainer) await this.#context.store.put(this.#keyOf(job), await bytesOf(trainer.weights(), row, job));
  }

  /** Writes the best row's weights as `model.safetensors` and what they belong to as `model.json` (`config.json` where that says it all). */
  async write(rows: readonly Row[], jobs: readonly Job[], context: RunContext): Promise<void> {
    const index = rows.reduce((best, row, i) => (lossOf(row) < lossOf(rows[best]!) ? i : best), 0);
    const [row, job] = [rows[index]!, jobs[index]!];
    if (row.loss === null) {
      context.emit({ type: 'text', markdown: 'Every run diverged, so there is no checkpoint.' });
      return;
    }
    const bytes = (await this.#context.store.get(this.#keyOf(job))) ?? (await this.#again(row, job));
    const sink = context.write('model.safetensors', 'application/octet-stream');
    await sink.write(bytes);
    await sink.close();
    const { proxy, arm } = job;
    const standard = proxy.kind === 'config' && !arm.qkNorm && !arm.mup;
    const about = standard
      ? proxy.config
      : { decoder: proxy.kind, config: proxy.config, arm, trained: { rate: row.rate, seed: row.seed, loss: row.loss } };
    await writeText(
      context,
      standard ? 'config.json' : 'model.json',
      'application/json',
      `${JSON.stringify(about, undefined, 2)}\n`,
    );
  }

  /** A run that was not the best of the scan that trained it left no weights: the same run has the same bits. */
  async #again(row: Row, job: Job): Promise<Uint8Array> {
    const { signal, runtime } = this.#context;
    const trainer = await Trainer.compile(runtime, { ...job, ...this.#options, threads: 1, signal });
    try {
      await trainer.run(job.arm, job, { signal });
      const bytes = await bytesOf(trainer.weights(), row, job);
      await this.#context.store.put(this.#keyOf(job), bytes);
      return bytes;
    } finally {
      trainer.release();
    }
  }

  #keyOf(job: Job): string {
    return `weights of ${keyOf(job, this.#options)}`;
  }
}

function bytesOf(weights: Weights, row: Row, { proxy, arm }: Job): Promise<Uint8Array> {
  const tensors = [...weights].map(
    ([name, { shape, values }]): SafetensorsTensor => ({
      name,
      shape,
      type: 'F32',
      bytes: async () => new Uint8Array(values.buffer, values.byteOffset, values.byteLength),
    }),
  );
  const metadata = {
    format: 'pt',
    size: proxy.size,
    arm: arm.name,
    structure: structureOf(arm),
    rate: String(row.rate),
    seed: String(row.seed),
    loss: String(row.loss),
  };
  return joinedPieces(safetensorsFile(tensors, metadata));
}
