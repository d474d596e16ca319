/** Packed caches, tokens and embeddings against ones computed alone. */
import type { RunContext } from '../../../contract.ts';
import { planPacking, planPadded } from '../packing.ts';
import { idsOf, mixture, openDecoder, openEncoder } from '../piles.ts';
import { continueGreedily, prefillPlan } from '../prefill.ts';
import { compareCaches, compareEmbeddings, largest } from '../proof.ts';

export async function exactness(context: RunContext): Promise<void> {
  const decoder = await openDecoder(context);
  const prompts = idsOf(decoder, mixture(context.random.fork('exactness'), 5)).slice(0, 12);
  const prefixes = prompts.map((ids) => ids.slice(0, -1));
  const plan = planPacking(prefixes.map((ids) => ids.length));
  const all = prompts.map((_, prompt) => prompt);
  const { signal } = context;
  const say = (done: number, message: string) =>
    context.emit({ type: 'progress', stage: 'exactness', done, total: 5, message });
  say(0, 'Comparing every packed cache with a prefill alone');
  const packed = await compareCaches(decoder, plan, prefixes, all, { attention: 'dense', signal });
  const bySegments = await compareCaches(decoder, plan, prefixes, all, { attention: 'segments', signal });
  say(1, 'Negative controls');
  const controls = [];
  for (const without of ['position restart', 'block-diagonal mask'] as const)
    controls.push(largest(await compareCaches(decoder, plan, prefixes, all, { without, signal })));
  say(2, 'Twenty greedy tokens of every prompt, from its packed cache and alone');
  const caches = await prefillPlan(decoder, plan, prefixes, { signal });
  const together = await continueGreedily(
    decoder,
    prompts,
    all.map((prompt) => caches.get(prompt)),
    20,
    signal,
  );
  let equal = 0;
  for (const prompt of all) {
    const lengths = prefixes.map((ids) => ids.length);
    const alone = await prefillPlan(decoder, planPadded(lengths, [prompt]), prefixes, { attention: 'dense', signal });
    const [tokens] = await continueGreedily(decoder, [prompts[prompt]!], [alone.get(prompt)], 20, signal);
    equal += tokens!.filter((id, i) => id === together[prompt]![i]).length;
  }
  say(4, 'Packed embeddings against ones computed alone');
  const encoder = await openEncoder(context);
  const texts = idsOf(encoder, mixture(context.random.fork('embeddings'), 16));
  const textPlan = planPacking(texts.map((ids) => ids.length));
  const everyText = texts.map((_, i) => i);
  const embeddings = [];
  for (const attention of ['dense', 'segments'] as const)
    embeddings.push(...(await compareEmbeddings(encoder, textPlan, texts, everyText, { attention, signal })));
  const weakest = Math.min(...controls.map(({ relative }) => relative));
  context.emit({
    type: 'table',
    name: 'exactness',
    caption: 'Packed against alone: the largest difference of any key or value of a prompt, over the largest magnitude',
    columns: [
      { name: 'prompt', type: 'text' },
      { name: 'tokens', type: 'number' },
      { name: 'under a dense mask', type: 'number' },
      { name: 'by segments', type: 'number' },
    ],
    rows: packed.map(({ prompt, relative }, i) => [
      `${prompt + 1}`,
      prompts[prompt]!.length,
      relative,
      bySegments[i]!.relative,
    ]),
  });
  context.emit({
    type: 'evidence',
    claim: 'PRE-4',
    stage: 'exactness',
    values: {
      cacheDifference: {
        value: largest([...packed, ...bySegments]).relative,
        unit: 'of the largest value',
        model: decoder.reference,
      },
      embeddingDifference: {
        value: Math.max(...embeddings.map(({ absolute }) => absolute)),
        unit: 'absolute',
        model: encoder.reference,
      },
      equalTokens: { value: (100 * equal) / (20 * prompts.length), unit: '%', model: decoder.reference },
      controlDifference: { value: weakest, unit: 'of the largest value', model: decoder.reference },
    },
    setting: `${prompts.length} prompts in ${plan.rows.length} rows on ${decoder.reference} (fp32), 20 greedy tokens each; ${texts.length} texts in ${textPlan.rows.length} rows on ${encoder.reference}; the larger difference of attention under a dense mask and by segments; controls: positions not restarted, mask only causal`,
    seeds: [context.seed],
  });
}
