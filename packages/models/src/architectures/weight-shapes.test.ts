import { describe, expect, test } from 'vitest';
import { fixturesOf, readFixture } from '../testing/fixture.ts';
import type { EncoderHead } from './encoder-heads.ts';
import { encoderOf, shapesOf } from './index.ts';
import { llamaTypes } from './llama-config.ts';
import { withNewHead } from './new-head.ts';

const decoders = fixturesOf([...llamaTypes, 'gpt2']);
const encoders = fixturesOf(['bert', 'roberta', 'xlm-roberta', 'distilbert', 'mpnet', 'albert']).filter(
  // A head of two halves, of which one is read here.
  (name) => name !== 'bert-pretraining',
);

test.each([...decoders, ...encoders])('%s: the weights are those that transformers saves', (name) => {
  const { config, tensors } = readFixture(name);
  const saved = Object.fromEntries([...tensors].map(([key, { shape }]) => [key, [...shape]]));
  expect(Object.fromEntries(shapesOf(config))).toEqual(saved);
});

test('types that are not listed are named', () => {
  expect(() => shapesOf(readFixture('t5').config)).toThrow(
    /^A model of type 't5' cannot begin from scratch here; these types can: llama, /,
  );
});

describe('a new head', () => {
  const heads: [string, EncoderHead, string][] = [
    ['masked-lm', 'masked-lm', 'ForMaskedLM'],
    ['sequence', 'sequence-classification', 'ForSequenceClassification'],
    ['token', 'token-classification', 'ForTokenClassification'],
    ['choice', 'multiple-choice', 'ForMultipleChoice'],
    ['answer', 'question-answering', 'ForQuestionAnswering'],
  ];
  const types = ['bert', 'roberta', 'distilbert', 'mpnet', 'albert'].flatMap((type) =>
    heads.map((head) => [type, ...head] as const),
  );
  const cases = [...types, ['esm2', ...heads[0]!], ['esm2', ...heads[1]!], ['esm2', ...heads[2]!]] as const;

  test.each(cases)('%s %s has the configuration and the weights of transformers', (type, name, head) => {
    const base = readFixture(type).config;
    const wanted = readFixture(`${type}-${name}`);
    const labels = Object.values((wanted.config.id2label as Record<string, string> | undefined) ?? {});
    const { config, shapes } = withNewHead(base, head, labels);
    expect(config.architectures).toEqual(wanted.config.architectures);
    if (labels.length > 0) expect(config.id2label).toEqual(wanted.config.id2label);
    for (const [key, shape] of shapes) expect([...(wanted.tensors.get(key)?.shape ?? [])], key).toEqual([...shape]);
    const has = (key: string) => shapes.has(key);
    expect(encoderOf(config).head(config, { has })).toBe(head);
    const before = readFixture(type).tensors;
    const added = [...wanted.tensors.keys()].filter(
      (key) => !before.has(key.replace(/^(bert|roberta|distilbert|mpnet|albert|esm)\./, '')),
    );
    expect(added.filter((key) => !shapes.has(key))).toEqual([]);
  });
});
