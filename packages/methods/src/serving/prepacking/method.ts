/** `papers run prepacking`: prefill a pile of prompts four ways, prove that the packed caches are exact, and continue from them. */

import type { DecoderModel, EncoderModel, Model } from '@working-papers/models';
import { writeText } from '../../artifact-text.ts';
import type { RunContext } from '../../contract.ts';
import { packTogether } from './batches.ts';
import { cacheBytes, openCacheFile } from './caches.ts';
import { measure } from './measure.ts';
import type { PrepackingParameters } from './parameters.ts';
import { packingPlot, speedPlot, strategyTable } from './plots.ts';
import { attentionFor, continueGreedily, prefillPlan } from './prefill.ts';
import { chosen, compareCaches, compareEmbeddings, largest } from './proof.ts';

export { planPacking, planPadded, prefillFlops } from './packing.ts';
export { prepackEncode, prepackPrefill } from './prefill.ts';

export async function run(parameters: PrepackingParameters, context: RunContext): Promise<void> {
  const model = await context.models.open(parameters.model, { weights: 'fp32', signal: context.signal });
  if (model.kind !== 'decoder' && model.kind !== 'encoder')
    throw new Error(`${model.reference} is no model of texts alone. Give a decoder or an encoder.`);
  const prompts = await readPrompts(parameters, model, context);
  const longest = Math.max(...prompts.map(({ ids }) => ids.length));
  const computed =
    model.kind === 'decoder' ? prompts.map(({ ids }) => ids.slice(0, -1)) : prompts.map(({ ids }) => ids);
  context.emit({
    type: 'text',
    markdown: `${prompts.length} ${model.kind === 'decoder' ? 'prompts' : 'texts'} of ${Math.min(...prompts.map(({ ids }) => ids.length))} to ${longest} tokens on ${model.reference}, ${parameters.batch} a batch.`,
  });
  if (computed.every((ids) => ids.length === 0))
    throw new Error('Every prompt is a single token, so there is nothing to prefill. Give longer prompts.');
  checkCaches(model, prompts, parameters);
  const measured = await measure(
    model,
    computed,
    {
      strategies: parameters.compare,
      batch: parameters.batch,
      attention: parameters.attention,
      ...packingOf(parameters),
      rounds: parameters.rounds,
    },
    context,
  );
  for (const note of new Set(measured.flatMap(({ plans }) => plans.flatMap((plan) => plan.note ?? []))))
    context.emit({ type: 'text', markdown: note });
  context.emit({
    type: 'table',
    name: 'strategies',
    caption: 'Seconds to prefill the pile, every strategy in turn',
    ...strategyTable(measured),
  });
  context.emit({
    type: 'plot',
    name: 'packing',
    caption: 'The largest batch of each strategy: prompts and padding',
    setting: model.reference,
    spec: packingPlot(measured),
  });
  if (parameters.compare.includes('padded') && parameters.compare.length > 1)
    context.emit({
      type: 'plot',
      name: 'speed',
      caption: 'Measured against predicted speed-up over padding',
      setting: model.reference,
      spec: speedPlot([{ pile: 'your prompts', measured }]),
    });
  await writeText(
    context,
    'plan.json',
    'application/json',
    JSON.stringify(
      measured.map(({ strategy, plans }) => ({ strategy, plans })),
      null,
      1,
    ),
  );
  await writeText(
    context,
    'timing.csv',
    'text/csv',
    `strategy,round,seconds,rows,slots,tokens\n${measured.flatMap((m) => m.seconds.map((s, r) => `${m.strategy},${r + 1},${s},${m.rows},${m.slots},${m.tokens}\n`)).join('')}`,
  );
  await prove(model, computed, parameters, context);
  if (model.kind === 'decoder' && (parameters.maxNew > 0 || parameters.saveCaches > 0))
    await useCaches(model, prompts, parameters, context);
}

const packingOf = ({ packing, capacityFactor, packingSeconds }: PrepackingParameters) => ({
  packing,
  capacityFactor,
  packingSeconds,
});

/** A batch of prompts' tokens packed together. */
const packedPlan = (ids: readonly (readonly number[])[], parameters: PrepackingParameters) =>
  packTogether(
    ids.map((prompt) => prompt.length),
    ids.map((_, prompt) => prompt),
    packingOf(parameters),
  );

interface Prompt {
  text: string;
  ids: number[];
}

async function readPrompts(parameters: PrepackingParameters, model: Model, context: RunContext): Promise<Prompt[]> {
  const prompts: Prompt[] = [];
  for await (const row of context.rows(parameters.prompts)) {
    const index = prompts.length + 1;
    const text = row[parameters.column] ?? row.text;
    if (typeof text !== 'string')
      throw new Error(
        `Row ${index} has no text under "${parameters.column}". Name the field that holds the prompt with --column.`,
      );
    if (text.trim() === '') throw new Error(`Prompt ${index} is empty. Remove it or write something.`);
    const { ids } = model.tokenizer.encode(text, { maxLength: Number.MAX_SAFE_INTEGER });
    if (ids.length > model.contextLength)
      throw new Error(
        `Prompt ${index} has ${ids.length} tokens and ${model.reference} takes ${model.contextLength}. Shorten it or leave it out.`,
      );
    prompts.push({ text, ids });
  }
  if (prompts.length === 0) throw new Error('There are no prompts in the input. Give at least one line of text.');
  return prompts;
}

/** Compares packed caches (or embeddings) with ones computed alone, and says what the negative controls gave. */
async function prove(
  model: DecoderModel | EncoderModel,
  ids: readonly (readonly number[])[],
  parameters: PrepackingParameters,
  context: RunContext,
): Promise<void> {
  if (parameters.verify === 0) return;
  const first = ids.slice(0, parameters.batch);
  const plan = await packedPlan(first, parameters);
  const prompts = chosen(plan, parameters.verify);
  context.emit({ type: 'progress', done: 0, total: 1, message: 'Comparing packed with alone' });
  const { signal } = context;
  const rows: (string | number | null)[][] = [];
  const attention = attentionFor(plan, parameters.attention);
  const packed =
    model.kind === 'decoder'
      ? await compareCaches(model, plan, first, prompts, { attention, signal })
      : await compareEmbeddings(model, plan, first, prompts, { attention, signal });
  for (const { prompt, absolute, relative } of packed)
    rows.push([
      `prompt ${prompt + 1}`,
      attention === 'dense' ? 'packed, dense' : 'packed, by segments',
      absolute,
      relative,
    ]);
  if (model.kind === 'decoder' && plan.rows.some((row) => row.prompts.length > 1))
    for (const without of ['position restart', 'block-diagonal mask'] as const) {
      const worst = largest(await compareCaches(model, plan, first, prompts, { without, signal }));
      rows.push([`prompt ${worst.prompt + 1}`, `control: without the ${without}`, worst.absolute, worst.relative]);
    }
  context.emit({
    type: 'table',
    name: 'proof',
    caption:
      model.kind === 'decoder'
        ? 'Packed keys and values against a prefill alone; the controls must differ'
        : 'Packed embeddings against ones computed alone',
    columns: [
      { name: 'prompt', type: 'text' },
      { name: 'how', type: 'text' },
      { name: 'largest difference', type: 'number' },
      { name: 'over the largest value', type: 'number' },
    ],
    rows,
  });
}

/** Throws before anything is computed when the caches cannot be saved as asked. */
function checkCaches(model: Model, prompts: readonly Prompt[], { saveCaches }: PrepackingParameters): void {
  if (saveCaches === 0) return;
  if (model.kind !== 'decoder')
    throw new Error(`${model.reference} is an encoder and has no caches. Leave --save-caches out.`);
  const megabytes = Math.ceil(
    cacheBytes(
      model,
      prompts.map(({ ids }) => ids),
    ) / 1e6,
  );
  if (megabytes > saveCaches)
    throw new Error(
      `The caches of ${prompts.length} prompts take ${megabytes} MB and --save-caches allows ${saveCaches}. Raise it to ${megabytes}, or give fewer prompts.`,
    );
}

/** Prefills every batch once more, packed, and gives its caches to whoever wants them: the file, the continuations. */
async function useCaches(
  model: DecoderModel,
  prompts: readonly Prompt[],
  parameters: PrepackingParameters,
  context: RunContext,
): Promise<void> {
  const { attention, maxNew } = parameters;
  const file =
    parameters.saveCaches > 0
      ? await openCacheFile(
          model,
          prompts.map(({ ids }) => ids),
          context,
        )
      : undefined;
  const generations = maxNew > 0 ? context.write('generations.jsonl', 'application/jsonl') : undefined;
  const shown: (string | number)[][] = [];
  for (let at = 0; at < prompts.length; at += parameters.batch) {
    const batch = prompts.slice(at, at + parameters.batch);
    const prefixes = batch.map(({ ids }) => ids.slice(0, -1));
    const plan = await packedPlan(prefixes, parameters);
    const found = await prefillPlan(model, plan, prefixes, { attention, signal: context.signal });
    const caches = batch.map((_, i) => found.get(i));
    await file?.append(caches);
    if (generations) {
      const ids = batch.map((prompt) => prompt.ids);
      const tokens = await continueGreedily(model, ids, caches, maxNew, context.signal);
      for (const [i, { text }] of batch.entries()) {
        const continuation = model.tokenizer.decode(tokens[i]!);
        await generations.write(`${JSON.stringify({ prompt: text, continuation, tokens: tokens[i] })}\n`);
        if (shown.length < 20) shown.push([text.length > 80 ? `${text.slice(0, 79)}…` : text, continuation]);
      }
    }
    context.emit({
      type: 'progress',
      done: at + batch.length,
      total: prompts.length,
      unit: 'prompts',
      message: generations ? 'Continuing from the unpacked caches' : 'Saving the unpacked caches',
    });
  }
  await file?.close();
  if (!generations) return;
  await generations.close();
  context.emit({
    type: 'table',
    name: 'continuations',
    caption: 'Greedy continuations from the unpacked caches',
    columns: [
      { name: 'prompt', type: 'text' },
      { name: 'continuation', type: 'text' },
    ],
    rows: shown,
  });
}
