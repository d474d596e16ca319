/** Configurations of every architecture that do not agree with the tensors. */
import { toOnnx } from '@working-papers/graph';
import { describe, expect, it } from 'vitest';
import { forwardInputs } from '../activations/taps.ts';
import { fixturesOf, readFixture } from '../testing/fixture.ts';
import { weightSource } from '../weights/weight-source.ts';
import { architectureOf, architectures } from './index.ts';

const names = [...new Set(architectures.flatMap(({ types }) => fixturesOf(types)))];

/** Models whose positions are rows of a table in the checkpoint. */
const learned = /^(gpt2|bert|roberta|distilbert|mpnet|albert|esm1b|bart|mbart|clip-text)/;

describe.each(names.filter((name) => readFixture(name).config.model_type !== 'clip'))('%s', (name) => {
  const { config, tensors } = readFixture(name);
  const build = (changed: object) => {
    const lying = { ...config, ...changed };
    const architecture = architectureOf(lying);
    const { required, optional } = architecture.inputs(lying);
    const outputs = architecture.forward(
      lying,
      weightSource(tensors, 'fp32'),
      forwardInputs([...required, ...optional]),
      {},
    );
    toOnnx(Object.fromEntries(Object.entries(outputs).map(([key, tensor]) => [`out.${key}`, tensor])));
  };
  // A field that nothing is made of may say what it likes: the context of rotary positions, layers that share their weights.
  const fields = ['vocab_size', 'hidden_size', 'num_hidden_layers', 'max_position_embeddings'].filter((field) => {
    if (typeof config[field] !== 'number') return false;
    if (/^(bart|mbart|marian|albert)/.test(name) && field === 'num_hidden_layers') return false;
    return field !== 'max_position_embeddings' || learned.test(name);
  });
  it.each(fields)('%s', (field) => {
    expect(() => build({})).not.toThrow();
    expect(() => build({ [field]: (config[field] as number) * 2 })).toThrow(/^\S.*[^ ]\.$/);
  });
});
