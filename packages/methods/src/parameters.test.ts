import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import type { Method, Parameters } from './contract.ts';
import { actionsOf, checkParameters, fieldsOf, jsonSchema, parseParameters } from './parameters.ts';

const methodOf = (parameters: Parameters, defaultAction?: string): Method => ({
  slug: 'trial',
  family: 'serving',
  paper: { title: 'Trial', date: '2024-01-01', authors: [] },
  offers: 'A trial.',
  parameters,
  ...(defaultAction ? { defaultAction } : {}),
  claims: [],
});

const packing = methodOf(
  z.strictObject({
    batch: z
      .int()
      .min(1)
      .max(512)
      .default(16)
      .meta({ title: 'Batch', description: 'Prompts per batch.', unit: 'prompts' }),
    factor: z.number().gte(1).optional().meta({ description: 'Capacity factor.' }),
    exact: z.boolean().default(true).meta({ description: 'Prove exactness.' }),
    name: z.string().min(2).optional().meta({ description: 'A name.' }),
    methods: z
      .array(z.enum(['padded', 'sorted', 'packed']))
      .default(['padded', 'packed'])
      .meta({ description: 'Methods to compare.' }),
    lengths: z.array(z.int()).optional().meta({ description: 'Lengths.', unit: 'tokens' }),
    model: z.string().meta({ description: 'The model.', kind: 'model', primary: true }),
  }),
);

const direction = methodOf(
  z.discriminatedUnion('action', [
    z.strictObject({
      action: z.literal('fit'),
      components: z.int().min(1).default(5).meta({ description: 'Components kept.' }),
    }),
    z.strictObject({
      action: z.literal('score'),
      phrases: z.array(z.string()).meta({ description: 'Phrases to score.', kind: 'text' }),
    }),
  ]),
  'fit',
);

const parsed = (method: Method, raw: Record<string, unknown>): unknown => {
  const result = parseParameters(method, raw);
  if (!result.ok) throw new Error(result.errors.map((error) => error.message).join(' '));
  return result.value;
};
const errorsOf = (method: Method, raw: Record<string, unknown>) => {
  const result = parseParameters(method, raw);
  return result.ok ? [] : result.errors;
};

describe('parseParameters', () => {
  it('turns strings into values by type', () => {
    expect(
      parsed(packing, {
        model: 'm',
        batch: '8',
        factor: ' 1.5 ',
        exact: 'off',
        methods: ['sorted', 'padded'],
        lengths: '7',
      }),
    ).toEqual({ model: 'm', batch: 8, factor: 1.5, exact: false, methods: ['sorted', 'padded'], lengths: [7] });
  });

  it('reads an empty string as absent, never as 0 or false', () => {
    expect(
      parsed(packing, { model: 'm', batch: '', factor: '', exact: '', name: '', methods: ['', ''], lengths: '' }),
    ).toEqual({ model: 'm', batch: 16, exact: true, methods: ['padded', 'packed'] });
  });

  it('reads an unticked box named in `present` as false, and nothing else', () => {
    expect(parsed(packing, { model: 'm', present: 'exact' })).toMatchObject({ exact: false });
    expect(parsed(packing, { model: 'm', present: ['exact'], exact: 'on' })).toMatchObject({ exact: true });
    expect(parsed(packing, { model: 'm', present: ['batch', 'unknown'] })).toMatchObject({ exact: true, batch: 16 });
  });

  it('reads a list of boxes named in `present`, with none ticked, as empty, and one without boxes as absent', () => {
    expect(parsed(packing, { model: 'm', present: 'methods' })).toMatchObject({ methods: [] });
    expect(parsed(packing, { model: 'm', present: ['methods'], methods: 'sorted' })).toMatchObject({
      methods: ['sorted'],
    });
    expect(parsed(packing, { model: 'm', present: 'lengths' })).not.toHaveProperty('lengths');
  });

  it('gives back what it was given, as text or as values', () => {
    const valid = fc.record({
      model: fc.string({ minLength: 1 }),
      batch: fc.integer({ min: 1, max: 512 }),
      factor: fc.double({ min: 1, max: 1e9, noNaN: true }),
      exact: fc.boolean(),
      methods: fc.array(fc.constantFrom('padded', 'sorted', 'packed'), { minLength: 1 }),
      lengths: fc.array(fc.integer(), { minLength: 1 }),
    });
    fc.assert(
      fc.property(valid, (value) => {
        const text = Object.fromEntries(
          Object.entries(value).map(([name, entry]) => [
            name,
            Array.isArray(entry) ? entry.map(String) : String(entry),
          ]),
        );
        expect(parsed(packing, text)).toEqual(value);
        expect(parsed(packing, value)).toEqual(value);
      }),
    );
  });

  it('says what is wrong in sentences by field', () => {
    expect(errorsOf(packing, { model: 'm', batch: '0' })).toEqual([
      { field: 'batch', message: 'Batch must be at least 1 prompt; got 0.' },
    ]);
    expect(errorsOf(packing, { batch: 'many', exact: 'perhaps' })).toEqual([
      { field: 'batch', message: "batch must be a number; got 'many'." },
      { field: 'exact', message: "exact must be true or false; got 'perhaps'." },
      { field: 'model', message: 'Model is required.' },
    ]);
    expect(errorsOf(packing, { model: 'm', lengths: ['3', '1.5'] })[0]?.message).toMatch(/whole number; got '1.5'/);
    expect(errorsOf(packing, { model: 'm', name: 'q' })[0]?.message).toBe(
      'Name must have at least 2 characters; got 1.',
    );
    expect(errorsOf(packing, { model: ['a', 'b'] })[0]?.message).toMatch(/given 2 times/);
    expect(errorsOf(packing, { model: 'm', methods: 'magic' })[0]?.message).toMatch(/one of padded, sorted, packed/);
    expect(errorsOf(packing, { model: 'm', bacth: '3' })[0]).toMatchObject({ field: 'bacth' });
    expect(errorsOf(packing, { model: 'm', factor: Number.NaN })).toHaveLength(1);
  });

  it('never throws on input', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.anything()), (raw) => {
        expect(typeof parseParameters(packing, raw).ok).toBe('boolean');
        expect(typeof parseParameters(direction, raw).ok).toBe('boolean');
      }),
    );
  });

  it('picks the action, or the default one', () => {
    expect(actionsOf(direction)).toEqual(['fit', 'score']);
    expect(parsed(direction, {})).toEqual({ action: 'fit', components: 5 });
    expect(parsed(direction, { action: '' })).toEqual({ action: 'fit', components: 5 });
    expect(parsed(direction, { action: 'score', phrases: ['kill time', 'kill people'] })).toEqual({
      action: 'score',
      phrases: ['kill time', 'kill people'],
    });
    expect(errorsOf(direction, { action: 'guess' })).toEqual([
      { field: 'action', message: "Action must be one of fit, score; got 'guess'." },
    ]);
    expect(errorsOf(direction, { action: 'score', components: '3' })[0]?.field).toBe('components');
    expect(errorsOf(packing, { model: 'm', action: 'fit' })[0]?.field).toBe('action');
  });

  it('says so when the method is not built', () => {
    const { parameters: _, ...unbuilt } = packing;
    expect(errorsOf(unbuilt, {})[0]?.message).toMatch(/not built yet/);
  });
});

describe('fields and schema', () => {
  it('lists primary fields first, with unit, kind, limits and default', () => {
    const fields = fieldsOf(packing);
    expect(fields[0]).toMatchObject({ name: 'model', kind: 'model', primary: true, required: true });
    expect(fields.find(({ name }) => name === 'batch')).toEqual({
      name: 'batch',
      type: 'integer',
      title: 'Batch',
      description: 'Prompts per batch.',
      unit: 'prompts',
      primary: false,
      required: false,
      default: 16,
      minimum: 1,
      maximum: 512,
    });
    expect(fields.find(({ name }) => name === 'methods')).toMatchObject({
      type: 'array',
      itemType: 'string',
      options: ['padded', 'sorted', 'packed'],
    });
    expect(fieldsOf(direction, 'score').map(({ name }) => name)).toEqual(['phrases']);
  });

  it('gives the whole union, or one action, as JSON Schema', () => {
    expect(jsonSchema(direction)).toHaveProperty('oneOf');
    expect(jsonSchema(direction, 'fit')).toMatchObject({ type: 'object', additionalProperties: false });
    expect(() => jsonSchema(direction, 'guess')).toThrow(/has the actions fit, score/);
  });
});

describe('checkParameters', () => {
  const described = { description: 'Something.' };
  it.each([
    [z.object({ a: z.string().meta(described) }), /strict object/],
    [z.strictObject({ record: z.string().meta(described) }), /reserved/],
    [z.strictObject({ 'a-b': z.string().meta(described) }), /camel case/],
    [z.strictObject({ a: z.string().default('x') }), /no description/],
    [z.strictObject({ a: z.union([z.string(), z.number()]).meta(described) }), /no single JSON type/],
    [z.strictObject({ a: z.bigint().meta(described) }), /BigInt/],
    [z.strictObject({ a: z.number().transform(String).meta(described) }), /Transforms/],
    [
      z.discriminatedUnion('action', [
        z.strictObject({ action: z.literal('fit'), n: z.string().meta(described) }),
        z.strictObject({ action: z.literal('rank'), n: z.number().meta(described) }),
      ]),
      /string in one action and number in another/,
    ],
  ] as [Parameters, RegExp][])('refuses %#', (parameters, message) => {
    expect(() => checkParameters(methodOf(parameters))).toThrow(message);
  });

  it('refuses a default action that does not exist', () => {
    expect(() => checkParameters({ ...direction, defaultAction: 'guess' })).toThrow(/none of fit, score/);
    expect(() => checkParameters({ ...packing, defaultAction: 'fit' })).toThrow(/union/);
    expect(() => checkParameters(direction)).not.toThrow();
    expect(() => checkParameters(packing)).not.toThrow();
  });
});
