/** The peak of memory of each strategy, in a process of its own. */
import type { RunContext, RunEvent } from '../../../contract.ts';
import type { PrefillFacts, PrefillRequest } from '../apart.ts';
import { spread } from '../measure.ts';
import type { Strategy } from '../parameters.ts';
import { batching, type Pile, pileSize, seeds } from '../piles.ts';
import { memoryPlot, strategyNames } from '../plots.ts';

type Values = Extract<RunEvent, { type: 'evidence' }>['values'];

/** What the stage 'memory' measures of each pile. */
const memoryOf: { pile: Pile; strategies: Strategy[] }[] = [
  { pile: 'sentences, abstracts, titles', strategies: ['padded', 'prepack'] },
  { pile: 'long-tailed', strategies: ['padded', 'sorted', 'alone', 'prepack'] },
];

export async function memory(context: RunContext): Promise<void> {
  const total = seeds.length * memoryOf.reduce((sum, { strategies }) => sum + strategies.length, 0);
  let done = 0;
  const measured: { pile: Pile; strategy: Strategy; seed: number; bytes: number; facts: PrefillFacts }[] = [];
  for (const { pile, strategies } of memoryOf)
    for (const seed of seeds)
      for (const strategy of strategies) {
        context.emit({
          type: 'progress',
          done,
          total,
          unit: 'processes',
          message: `${pile}: ${strategy}, seed ${seed}`,
        });
        const request: PrefillRequest = { strategy, pile, seed, attention: 'auto' };
        const { result, baselineBytes, peakBytes } = await context.apart<PrefillFacts>('prefill', { ...request });
        measured.push({ pile, strategy, seed, bytes: peakBytes - baselineBytes, facts: result });
        done += 1;
      }
  const of = (pile: Pile, strategy: Strategy) =>
    measured.filter((entry) => entry.pile === pile && entry.strategy === strategy);
  const groups = memoryOf.flatMap(({ pile, strategies }) =>
    strategies.map((strategy) => ({ pile, strategy, entries: of(pile, strategy) })),
  );
  const megabytes = (bytes: number) => Math.round(bytes / 1e6);
  context.emit({
    type: 'table',
    name: 'memory',
    caption: `Peak resident memory of the largest batch above the loaded model, ${seeds.length} seeds, each in a process of its own`,
    columns: [
      { name: 'pile', type: 'text' },
      { name: 'strategy', type: 'text' },
      { name: 'attention', type: 'text' },
      { name: 'peak', unit: 'MB', type: 'number' },
      { name: 'least', unit: 'MB', type: 'number' },
      { name: 'most', unit: 'MB', type: 'number' },
      { name: 'of it caches', unit: 'MB', type: 'number' },
      { name: 'rows', type: 'number' },
      { name: 'slots', unit: 'tokens', type: 'number' },
    ],
    rows: groups.map(({ pile, strategy, entries }) => {
      const peak = spread(entries.map(({ bytes }) => megabytes(bytes)));
      const median = (pick: (facts: PrefillFacts) => number) => spread(entries.map(({ facts }) => pick(facts))).value;
      return [
        pile,
        strategyNames[strategy],
        [...new Set(entries.map(({ facts }) => facts.attention))].join(' and '),
        peak.value,
        peak.low,
        peak.high,
        megabytes(median(({ cacheBytes }) => cacheBytes)),
        median(({ rows }) => rows),
        median(({ slots }) => slots),
      ];
    }),
  });
  const reference = measured[0]!.facts.model;
  context.emit({
    type: 'plot',
    name: 'memory',
    caption: 'Peak memory of the largest batch above the loaded model',
    setting: `${reference}, fp32, batches of ${batching.batch}, ${seeds.length} seeds`,
    spec: memoryPlot(
      groups.map(({ pile, strategy, entries }) => ({
        pile,
        strategy,
        megabytes: spread(entries.map(({ bytes }) => bytes / 1e6)),
      })),
    ),
  });
  const over = (pile: Pile, strategy: Strategy) => ({
    ...spread(of(pile, strategy).map(({ bytes }, i) => bytes / of(pile, 'prepack')[i]!.bytes)),
    unit: 'x',
    model: reference,
  });
  const attention = [...new Set(measured.map(({ facts }) => facts.attention))].join(' and ');
  const setting = (pile: Pile) =>
    `${reference} (fp32), the largest batch of ${pileSize} prompts in batches of ${batching.batch} (${pile}), ${seeds.length} seeds; the interval is the range over the seeds; each strategy in a process of its own, resident bytes at the peak less those after the model was opened and its program had run once; attention: ${attention}`;
  const evidence = (claim: string, values: Values, pile: Pile) =>
    context.emit({ type: 'evidence', claim, stage: 'memory', values, setting: setting(pile), seeds });
  const mixed = memoryOf[0]!.pile;
  evidence('PRE-3', { ratio: over(mixed, 'padded') }, mixed);
  evidence(
    'PRE-6',
    { overPadded: over('long-tailed', 'padded'), overSorted: over('long-tailed', 'sorted') },
    'long-tailed',
  );
}
