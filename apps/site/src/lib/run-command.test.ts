import type { Field } from '@working-papers/methods';
import { describe, expect, it } from 'vitest';
import { commandFor, initialValues, typescriptFor, valuesFrom } from './run-command.ts';

const fields: Field[] = [
  { name: 'batch', description: '', type: 'integer', primary: true, required: false, default: 16 },
  {
    name: 'compare',
    description: '',
    type: 'array',
    itemType: 'string',
    primary: false,
    required: false,
    default: ['padded', 'prepack'],
    options: ['padded', 'prepack'],
  },
  { name: 'templates', description: '', type: 'boolean', primary: false, required: false, default: true },
  {
    name: 'prompts',
    description: '',
    type: 'string',
    kind: 'dataset',
    primary: true,
    required: false,
    default: 'one\ntwo',
  },
];

describe('a form shown again', () => {
  it('keeps what was sent: unticked boxes, a single tick, line ends', () => {
    const raw = { present: ['', 'templates'], batch: '5000', compare: 'padded', prompts: 'one\r\ntwo' };
    expect(valuesFrom(fields, raw)).toEqual({
      batch: '5000',
      compare: ['padded'],
      templates: false,
      prompts: 'one\ntwo',
    });
    expect(valuesFrom(fields, { present: '', batch: '1' }).compare).toEqual([]);
  });

  it('takes the parameters of a run, and the defaults for what the run did not name', () => {
    expect(valuesFrom(fields, { batch: 4, compare: ['prepack'], templates: false })).toEqual({
      ...initialValues(fields),
      batch: '4',
      compare: ['prepack'],
      templates: false,
    });
  });
});

it('the command and the TypeScript carry the seed that the form would send', () => {
  const values = initialValues(fields);
  expect(commandFor('prepacking', undefined, fields, values, '0')).toBe('npx papers run prepacking \\\n  --seed 0');
  expect(commandFor('prepacking', undefined, fields, values, '3')).toBe('npx papers run prepacking \\\n  --seed 3');
  expect(typescriptFor('prepacking', undefined, fields, values, '3')).toContain('seed: 3');
});
