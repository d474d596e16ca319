/** Estimates against runs that were measured: within a factor of two, in seconds and in bytes. */
import { describe, expect, test } from 'vitest';
import { parseParameters } from '../../parameters.ts';
import { descriptorOf } from '../../registry.ts';
import { estimate } from './estimate.ts';
import type { ProxyParameters } from './parameters.ts';

const method = await descriptorOf('small-scale-proxies');
const machine = { cores: 2, memoryBytes: 24e9 };
const smollm2 = {
  kind: 'decoder',
  bytes: 98_400_000,
  parameters: 134_515_008,
  layers: 30,
  hidden: 576,
  vocabulary: 49_152,
} as const;

function estimated(raw: Record<string, unknown>, beginning?: string) {
  const parsed = parseParameters(method, raw as never);
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.errors));
  return estimate(parsed.value as unknown as ProxyParameters, {
    machine,
    models: { model: smollm2 },
    inputs: {
      ...(raw.data ? { data: { bytes: 90_000, beginning: '' } } : {}),
      ...(beginning === undefined ? {} : { config: { bytes: beginning.length, beginning } }),
    },
  });
}

/**
 * Runs on two cores of an EPYC (Zen 4), 29 November 2026: peak megabytes by their manifests; seconds are those that their processes computed
 * for, halved where two trained side by side, because others used the machine.
 */
const measured: [name: string, raw: Record<string, unknown>, seconds: number, megabytes: number][] = [
  ['two sizes, 40 steps', { sizes: '1x32,2x64', steps: 40, lrs: '1e-3,1e-2,1e-1' }, 6.2, 497],
  ['one size, 30 steps', { sizes: '2x128', steps: 30, lrs: '1e-3,1e-2,1e-1' }, 8.8, 752],
  [
    'a wider size, 20 steps',
    { sizes: '4x256', arms: 'base', steps: 20, lrs: '1e-3,1e-2,1e-1', batch: 8, headDim: 64 },
    9.6,
    880,
  ],
  ['three sizes, 60 steps', { sizes: '1x32,2x32,2x64', data: 'text', steps: 60, lrs: '1e-3..3e-1/4' }, 12.6, 450],
  ['a probe', { action: 'probe' }, 7.5, 448],
];

describe('an estimate', () => {
  test.each(measured)('of %s lies within a factor of two of the run', (_, raw, seconds, megabytes) => {
    const guess = estimated(raw);
    for (const ratio of [guess.seconds! / seconds, guess.bytes! / 1e6 / megabytes]) {
      expect(ratio).toBeGreaterThan(0.5);
      expect(ratio).toBeLessThan(2);
    }
  });

  test('grows with steps, seeds and arms, and reads the size of a configuration', () => {
    const seconds = (raw: Record<string, unknown>) => estimated({ ...raw }).seconds!;
    expect(seconds({ steps: 800 })).toBeGreaterThan(1.7 * seconds({ steps: 400 }));
    expect(seconds({ seeds: 3 })).toBeGreaterThan(2.5 * seconds({}));
    expect(seconds({ arms: 'base' })).toBeLessThan(0.6 * seconds({}));
    const config = '{"model_type":"gpt2","n_embd":768,"n_layer":12}';
    expect(estimated({ config: 'config.json' }, config).seconds!).toBeGreaterThan(100 * seconds({ sizes: '1x32' }));
    expect(estimated({ config: 'config.json' }, '{}').seconds).toBeUndefined();
  });
});
