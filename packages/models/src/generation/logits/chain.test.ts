import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import type { LogitsOptions, SamplingOptions } from '../types.ts';
import { processorsOf, warpersOf } from './chain.ts';

interface Case {
  name: string;
  options: LogitsOptions & Partial<SamplingOptions>;
  ids: number[];
  promptLength: number;
  logits: number[];
  /** null for a token that is out. */
  processed: (number | null)[];
}
const { endIds, cases }: { endIds: number[]; cases: Case[] } = JSON.parse(
  readFileSync(new URL('../fixtures/processors.json', import.meta.url), 'utf8'),
);

describe("each processor as transformers', on random logits", () => {
  test.each(cases)('$name after $ids', ({ options, ids, promptLength, logits, processed }) => {
    const values = Float32Array.from(logits);
    const chain = [
      ...processorsOf({ ...options, maxTokens: 50 }, endIds),
      ...(options.temperature === undefined ? [] : warpersOf({ ...options, temperature: options.temperature })),
    ];
    expect(chain.length).toBeGreaterThan(0);
    for (const processor of chain) processor.process(values, { ids, promptLength });
    for (const [id, expected] of processed.entries()) {
      if (expected === null) expect(values[id]).toBe(Number.NEGATIVE_INFINITY);
      else expect(values[id]).toBeCloseTo(expected, 4);
    }
  });
});

describe('what transformers has not', () => {
  test('presence and frequency count new tokens only, as OpenAI says', () => {
    const values = new Float32Array(5);
    const [penalty] = processorsOf({ presencePenalty: 0.5, frequencyPenalty: 0.25, maxTokens: 9 }, []);
    penalty!.process(values, { ids: [0, 1, 2, 2, 2, 3], promptLength: 3 });
    expect([...values]).toEqual([0, 0, -1, -0.75, 0]);
  });

  test('the first and the last token are forced', () => {
    const chain = processorsOf({ forcedFirstId: 1, forcedLastId: 2, maxTokens: 3 }, []);
    const chosen = [0, 1, 2].map((step) => {
      const values = Float32Array.of(1, 0, 0, 0.5);
      for (const processor of chain) processor.process(values, { ids: new Array(4 + step).fill(0), promptLength: 4 });
      return values.indexOf(Math.max(...values));
    });
    expect(chosen).toEqual([1, 0, 2]);
  });
});
