/** What the experiment runs in processes of their own: a strategy's prefill, whose peak of memory another one would hide. */
import type { ApartModule } from '../../contract.ts';
import { batchesOf, largestOf, rowsOf, slotsOf, tokensOf } from './batches.ts';
import { planPacking } from './packing.ts';
import type { Attention, Strategy } from './parameters.ts';
import { batching, drawPile, openDecoder, type Pile } from './piles.ts';
import { attentionFor, prefillPlan } from './prefill.ts';

export interface PrefillRequest {
  strategy: Strategy;
  pile: Pile;
  seed: number;
  attention: Attention;
}

export interface PrefillFacts {
  /** The model's reference. */
  model: string;
  attention: 'dense' | 'segments';
  rows: number;
  /** Padding included. */
  slots: number;
  tokens: number;
  /** Bytes of the prompts' caches, which every strategy leaves. */
  cacheBytes: number;
}

/** Prefills the strategy's largest batch, which decides its peak, on a model whose programs are compiled before. */
async function prefill(parameters: Record<string, unknown>, context: Parameters<ApartModule['apart'][string]>[1]) {
  const { strategy, pile, seed, attention: asked } = parameters as unknown as PrefillRequest;
  const model = await openDecoder(context);
  const prefixes = drawPile(pile, model, context, seed).map((ids) => ids.slice(0, -1));
  const plan = largestOf(
    await batchesOf(
      strategy,
      prefixes.map((ids) => ids.length),
      batching,
    ),
  );
  const attention = attentionFor(plan, asked);
  // A program's first pass lays out what it keeps; so many prompts of one token are the same program.
  const first = planPacking(plan.rows.flatMap(({ prompts }) => prompts.map(() => 1)));
  await prefillPlan(model, first, prefixes, { attention, signal: context.signal });
  context.baseline();
  const caches = await prefillPlan(model, plan, prefixes, { attention, signal: context.signal });
  const cacheBytes = [...caches.values()].reduce(
    (sum, { keys, values }) => sum + [...keys, ...values].reduce((bytes, { byteLength }) => bytes + byteLength, 0),
    0,
  );
  return {
    model: model.reference,
    attention,
    rows: rowsOf([plan]),
    slots: slotsOf([plan]),
    tokens: tokensOf([plan]),
    cacheBytes,
  } satisfies PrefillFacts;
}

export const apart: ApartModule['apart'] = { prefill };
