import { expect, test } from 'vitest';
import { fixturesOf, readFixture } from '../testing/fixture.ts';
import { bertShapes } from './bert-shapes.ts';
import { gpt2Shapes } from './gpt2-shapes.ts';
import { llamaTypes } from './llama-config.ts';
import { llamaShapes } from './llama-shapes.ts';

const cases = [
  ...fixturesOf(llamaTypes).map((name) => [name, llamaShapes] as const),
  ...fixturesOf(['gpt2']).map((name) => [name, gpt2Shapes] as const),
  ...['bert', 'bert-sequence', 'roberta', 'roberta-sequence', 'mpnet', 'mpnet-sequence'].map(
    (name) => [name, bertShapes] as const,
  ),
];

test.each(cases)('%s: the weights are those that transformers saves', (name, shapesOf) => {
  const { config, tensors } = readFixture(name);
  const saved = Object.fromEntries([...tensors].map(([key, { shape }]) => [key, [...shape]]));
  expect(Object.fromEntries(shapesOf(config))).toEqual(saved);
});
