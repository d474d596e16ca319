/** Times the strategies against each other: the same model, the same program, in turn, round after round. */
import { median } from '@working-papers/measures';
import type { DecoderModel, EncoderModel } from '@working-papers/models';
import type { RunContext } from '../../contract.ts';
import { type BatchOptions, batchesOf, rowsOf, slotsOf, tokensOf } from './batches.ts';
import { type Plan, prefillFlops } from './packing.ts';
import type { Attention, Strategy } from './parameters.ts';
import { attentionFor, continueGreedily, encodePlan, prefillPlan } from './prefill.ts';

export interface Measured {
  strategy: Strategy;
  plans: Plan[];
  /** How attention was computed, over all batches. */
  attention: string;
  /** Seconds of each round, over all batches: the forward passes and the unpacking. */
  seconds: number[];
  /** The same with one decoding step of every prompt from its cache; empty unless the whole prompts were given. */
  firstTokenSeconds: number[];
  rows: number;
  /** Slots computed, padding included. */
  slots: number;
  tokens: number;
  /** Floating-point operations by the cost model. */
  flops: number;
}

export interface MeasureOptions extends BatchOptions {
  rounds: number;
  strategies: readonly Strategy[];
  attention: Attention;
  /** Whether round 0, which is not counted, is run: a program's first passes over new shapes are slower. Default true. */
  warmUp?: boolean;
  /** Says which pile of prompts this is, in progress messages. */
  label?: string;
  /** The whole prompts of a decoder: then the time to the first token is measured too. */
  prompts?: readonly (readonly number[])[];
}

/** `ids[p]` is what is computed of prompt p: without its last token for a decoder, the whole text for an encoder. */
export async function measure(
  model: DecoderModel | EncoderModel,
  ids: readonly (readonly number[])[],
  options: MeasureOptions,
  context: RunContext,
): Promise<Measured[]> {
  const lengths = ids.map((prompt) => prompt.length);
  const shape = shapeOf(model);
  const { attention } = options;
  const flopsOf = (plan: Plan) => prefillFlops(plan, shape, attentionFor(plan, attention));
  const measured: Measured[] = [];
  for (const strategy of options.strategies) {
    const plans = await batchesOf(strategy, lengths, options);
    measured.push({
      strategy,
      plans,
      attention: [...new Set(plans.map((plan) => attentionFor(plan, attention)))].join(' and '),
      seconds: [],
      firstTokenSeconds: [],
      rows: rowsOf(plans),
      slots: slotsOf(plans),
      tokens: tokensOf(plans),
      flops: plans.reduce((sum, plan) => sum + flopsOf(plan), 0),
    });
  }
  const first = options.warmUp === false ? 1 : 0;
  const total = (options.rounds + 1 - first) * measured.reduce((sum, entry) => sum + entry.flops, 0);
  let done = 0;
  const progress = (message: string) =>
    context.emit({
      type: 'progress',
      done,
      total,
      unit: 'operations',
      message: `${options.label ? `${options.label}: ` : ''}${message}`,
    });
  progress('the first passes');
  // Round 0 is not counted: it sees every shape for the first time.
  for (let round = first; round <= options.rounds; round++) {
    // Every strategy is first as often as it is last.
    const turn = round % 2 === 0 ? measured : [...measured].reverse();
    for (const entry of turn) {
      let prefill = 0;
      let firstToken = 0;
      for (const plan of entry.plans) {
        context.signal.throwIfAborted();
        const started = context.elapsed();
        if (model.kind === 'decoder') {
          const caches = await prefillPlan(model, plan, ids, { attention, signal: context.signal });
          prefill += context.elapsed() - started;
          if (options.prompts) {
            const members = [...caches.keys()];
            const whole = members.map((prompt) => options.prompts![prompt]!);
            await continueGreedily(model, whole, [...caches.values()], 1, context.signal);
            firstToken += context.elapsed() - started;
          }
        } else {
          await encodePlan(model, plan, ids, { attention, signal: context.signal });
          prefill += context.elapsed() - started;
        }
        done += flopsOf(plan);
        progress(`${round === 0 ? 'warming up' : `round ${round} of ${options.rounds}`}, ${entry.strategy}`);
      }
      if (round === 0) continue;
      entry.seconds.push(prefill / 1000);
      if (options.prompts) entry.firstTokenSeconds.push(firstToken / 1000);
    }
  }
  return measured;
}

/** What the cost model reads from a configuration: P without embeddings, layers, heads, head width. */
export function shapeOf(model: DecoderModel | EncoderModel) {
  const { config } = model;
  const layers = Number(config.num_hidden_layers);
  const heads = Number(config.num_attention_heads);
  const hidden = Number(config.hidden_size);
  const headDim = Number(config.head_dim ?? hidden / heads);
  return { parameters: model.parameters - Number(config.vocab_size) * hidden, layers, heads, headDim };
}

/** Median with the smallest and largest round: with a handful of rounds their range is the honest interval. */
export const spread = (values: readonly number[]) => ({
  value: median(values),
  low: Math.min(...values),
  high: Math.max(...values),
});
