import type { Tensor } from '@working-papers/graph';
import { expect, test } from 'vitest';
import { tinyLlama } from '../testing/random-checkpoint.ts';
import { rotaryPositions } from './positions.ts';
import { rotaryFrequencies } from './rotary.ts';

test('models of one graph share their tables, and those of models long gone are let go', () => {
  const of = (theta: number) => rotaryPositions(rotaryFrequencies({ ...tinyLlama, rope_theta: theta }, 16), 64);
  const first = of(10000);
  expect(of(10000)).toBe(first);
  for (let theta = 100; theta < 115; theta++) of(theta);
  expect(of(10000)).toBe(first); // asked for again, so that it is not the oldest
  for (let theta = 200; theta < 216; theta++) of(theta);
  expect(of(10000)).not.toBe(first);
});

test('frequencies that end alike have tables of their own in one graph', () => {
  const scaled = (rope_scaling: Record<string, unknown>) =>
    rotaryPositions(rotaryFrequencies({ ...tinyLlama, rope_scaling }, 16), 64).tables!.cos;
  const numbers = { factor: 8, low_freq_factor: 1, high_freq_factor: 4, original_max_position_embeddings: 32 };
  const [linear, llama3] = [scaled({ rope_type: 'linear', factor: 8 }), scaled({ rope_type: 'llama3', ...numbers })];
  const nameOf = ({ op }: Tensor) => (op.attributes as { name: string }).name;
  expect(nameOf(linear)).not.toBe(nameOf(llama3));
});
