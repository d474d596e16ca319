/** A scan: every size, arm, learning rate and seed trained, and what follows from the rows. */
import { checkConfig, type ModelConfig } from '@working-papers/models';
import type { RunContext } from '../../contract.ts';
import { armsOf, listed, ratesOf } from './arms.ts';
import { writeResults } from './artifacts.ts';
import { BestWeights } from './best-weights.ts';
import { compareWith } from './comparison.ts';
import { configProxy, type ProxyModel, paperProxy, parametersOf } from './model.ts';
import type { ScanParameters } from './parameters.ts';
import { knobsOf } from './recipe.ts';
import { report } from './report.ts';
import { lossOf } from './rows.ts';
import { sizeOf, usualSizes } from './sizes.ts';
import { type Job, jobsOf, type Row, sweep } from './sweep.ts';
import { type Corpus, readCorpus } from './text.ts';
import type { ScanSettings } from './trainer.ts';

/** Parameters of a model that is trained here at most. */
const largest = 300_000_000;

/** Trains what the parameters say (what the store has is not trained again) and emits rows, plots, files and a recommendation. */
export async function stabilityScan(parameters: ScanParameters, context: RunContext): Promise<Row[]> {
  const { steps, batch, sequence, watchEvery } = parameters;
  const arms = armsOf(parameters.arms);
  const rates = ratesOf(parameters.lrs);
  const warmUp = parameters.warmUp ?? Math.round(steps / 10);
  const given = await readConfig(parameters.config, context);
  const corpus = await readCorpus(parameters.data, context, { sequence });
  const proxies = proxiesOf(parameters, given, corpus);
  const target = parameters.target === undefined ? undefined : proxyOf(parameters, given, corpus, parameters.target);
  const settings: ScanSettings = {
    steps,
    warmUp,
    every: watchEvery,
    baseWidth: Math.min(...proxies.map(({ width }) => width)),
    batch,
    sequence,
  };
  check(proxies, arms, rates, settings);
  notes(parameters, corpus, proxies, given, context);
  const seeds = Array.from({ length: parameters.seeds }, (_, i) => parameters.firstSeed + i);
  const jobs = jobsOf(proxies, arms, rates, seeds);
  const best = new BestWeights(context, { settings, corpus });
  const rows = await sweep(
    jobs,
    {
      settings,
      corpus,
      onRow: async (row, trainer, job) => {
        context.emit({
          type: 'metric',
          series: `${row.size} ${row.arm}`,
          x: row.rate,
          y: lossOf(row),
          xUnit: 'learning rate',
          yUnit: 'nats',
        });
        await best.take(row, trainer, job);
      },
    },
    context,
  );
  const summary = report(rows, { rates, settings, target: target && parametersOf(target) }, context);
  if (parameters.against !== undefined) await compareWith(parameters.against, summary, context);
  await writeResults(rows, summary, context);
  await best.write(rows, jobs, context);
  return rows;
}

async function readConfig(input: string | undefined, context: RunContext): Promise<ModelConfig | undefined> {
  if (input === undefined) return undefined;
  if (/\.gguf$/i.test(input))
    throw new Error(
      `${input} is a GGUF file: its weights are quantised and cannot be trained. Give the config.json of the model; for weights use safetensors.`,
    );
  const pieces: string[] = [];
  const decoder = new TextDecoder();
  for await (const piece of context.bytes(input)) pieces.push(decoder.decode(piece, { stream: true }));
  const text = pieces.join('');
  const name = text === input ? 'The configuration' : input;
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (error) {
    throw new Error(`${name} is no JSON (${(error as Error).message}); give a model's config.json.`);
  }
  return checkConfig(parsed, name);
}

function proxiesOf(parameters: ScanParameters, given: ModelConfig | undefined, corpus: Corpus): ProxyModel[] {
  const sizes = parameters.sizes ?? (given ? undefined : usualSizes);
  if (sizes === undefined) return [proxyOf(parameters, given, corpus, undefined)];
  return [...new Set(listed(sizes, 'sizes'))]
    .map((size) => proxyOf(parameters, given, corpus, size))
    .sort((a, b) => parametersOf(a) - parametersOf(b));
}

function proxyOf(
  { headDim, sequence }: ScanParameters,
  given: ModelConfig | undefined,
  { vocabulary }: Corpus,
  size: string | undefined,
): ProxyModel {
  const shape = { headDim, vocabulary, sequence };
  if (size !== undefined) sizeOf(size);
  return given ? configProxy(given, size, shape) : paperProxy(size!, shape);
}

/** Refuses before anything is trained what could not be trained. */
function check(
  proxies: readonly ProxyModel[],
  arms: ReturnType<typeof armsOf>,
  rates: readonly number[],
  settings: ScanSettings,
): void {
  for (const proxy of proxies) {
    const count = parametersOf(proxy);
    if (count > largest)
      throw new Error(
        `${proxy.size} has ${count.toLocaleString('en')} parameters; a scan here trains at most ${largest.toLocaleString('en')}. Give smaller sizes: what they show is what the method is for.`,
      );
  }
  for (const arm of arms) {
    knobsOf(arm, rates[0]!, settings);
    const tied = proxies.find(({ config }) => config.tie_word_embeddings ?? config.model_type === 'gpt2');
    if (arm.mup && tied)
      throw new Error(
        'muParam scales the head and leaves the embedding as it is, but this configuration ties them (tie_word_embeddings). Untie them, or leave out the arm mup.',
      );
  }
}

function notes(
  { steps, batch, sequence }: ScanParameters,
  corpus: Corpus,
  proxies: readonly ProxyModel[],
  given: ModelConfig | undefined,
  context: RunContext,
): void {
  const lines: string[] = [];
  const read = steps * batch * sequence;
  const epochs = read / corpus.training.length;
  if (epochs > 1)
    lines.push(
      `The text has ${corpus.training.length.toLocaleString('en')} tokens for training; a run reads ${read.toLocaleString('en')}: ${epochs.toFixed(1)} epochs.`,
    );
  if (given && given.vocab_size !== corpus.vocabulary)
    lines.push(
      `The vocabulary is that of the text, ${corpus.vocabulary} tokens; the configuration's ${given.vocab_size} would mostly never occur.`,
    );
  if (given && proxies.some(({ config }) => config.tie_word_embeddings ?? config.model_type === 'gpt2'))
    lines.push('The head is tied to the embeddings: z-loss then pulls at both. The paper unties them.');
  if (lines.length > 0) context.emit({ type: 'text', markdown: lines.join(' ') });
}

export type { Job };
