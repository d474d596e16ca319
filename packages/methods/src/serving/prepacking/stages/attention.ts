/** Which attention is faster, plan by plan: what `attentionFor` goes by. */
import type { RunContext } from '../../../contract.ts';
import { batchesOf, largestOf } from '../batches.ts';
import { type Plan, pairsOf, planPacking, planPadded, segmentsOf } from '../packing.ts';
import { abstracts, batching, drawPile, idsOf, openDecoder, piles } from '../piles.ts';
import { attentionFor, prefillPlan } from '../prefill.ts';

const rounds = 5;

/** Prompts of one length packed into rows, a prompt alone, and rows of the experiment's largest batches. */
export async function attention(context: RunContext): Promise<void> {
  const model = await openDecoder(context);
  const stream = idsOf(model, abstracts()).flat();
  const even = (count: number, length: number, width: number) => ({
    name: `${count} x ${length} in rows of ${width}`,
    plan: planPacking(new Array<number>(count).fill(length), { capacity: width }),
    prompts: Array.from({ length: count }, (_, at) => stream.slice(at, at + length)),
  });
  const cases = [
    even(16, 8, 128),
    even(16, 16, 64),
    even(8, 32, 128),
    even(8, 32, 256),
    even(8, 64, 128),
    even(8, 64, 256),
    even(4, 128, 256),
    even(2, 256, 512),
    ...[32, 128, 512].map((length) => ({
      name: `one of ${length}`,
      plan: planPadded([length]),
      prompts: [stream.slice(0, length)],
    })),
  ];
  for (const pile of piles)
    for (const strategy of ['padded', 'prepack'] as const) {
      const prompts = drawPile(pile, model, context, 1).map((ids) => ids.slice(0, -1));
      const lengths = prompts.map((ids) => ids.length);
      const batch = largestOf(await batchesOf(strategy, lengths, batching));
      // Rows are alike in what they cost; four of them show it.
      const plan = { ...batch, rows: batch.rows.slice(0, 4) };
      cases.push({ name: `${pile}, ${strategy}, four rows`, plan, prompts });
    }
  const rows: (string | number)[][] = [];
  for (const [done, { name, plan, prompts }] of cases.entries()) {
    context.emit({ type: 'progress', done, total: cases.length, unit: 'plans', message: name });
    const seconds = await fastest(plan, prompts);
    rows.push([
      name,
      segmentsOf(plan).length,
      pairsOf(plan, 'dense'),
      pairsOf(plan, 'segments'),
      seconds.dense,
      seconds.segments,
      attentionFor(plan),
    ]);
  }
  context.emit({
    type: 'table',
    name: 'attention',
    caption: `Seconds of a pass under a dense mask and by segments, the fastest of ${rounds} in turn`,
    columns: [
      { name: 'plan', type: 'text' },
      { name: 'segments', type: 'number' },
      { name: 'pairs under a mask', type: 'number' },
      { name: 'pairs by segments', type: 'number' },
      { name: 'dense', unit: 's', type: 'number' },
      { name: 'by segments', unit: 's', type: 'number' },
      { name: 'auto', type: 'text' },
    ],
    rows,
  });

  /** The first of either is not counted. */
  async function fastest(plan: Plan, prompts: readonly (readonly number[])[]) {
    const best = { dense: Number.POSITIVE_INFINITY, segments: Number.POSITIVE_INFINITY };
    for (let round = 0; round <= rounds; round++)
      for (const way of round % 2 === 0 ? (['dense', 'segments'] as const) : (['segments', 'dense'] as const)) {
        const started = context.elapsed();
        await prefillPlan(model, plan, prompts, { attention: way, signal: context.signal });
        if (round > 0) best[way] = Math.min(best[way], (context.elapsed() - started) / 1000);
      }
    return best;
  }
}
