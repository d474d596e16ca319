import { expect, test } from 'vitest';
import { fixturesOf, readFixture } from '../testing/fixture.ts';
import { llamaTypes } from './llama-config.ts';
import { llamaShapes } from './llama-shapes.ts';

test.each(fixturesOf(llamaTypes))('%s: the weights are those that transformers saves', (name) => {
  const { config, tensors } = readFixture(name);
  const saved = Object.fromEntries([...tensors].map(([key, { shape }]) => [key, [...shape]]));
  expect(Object.fromEntries(llamaShapes(config))).toEqual(saved);
});
