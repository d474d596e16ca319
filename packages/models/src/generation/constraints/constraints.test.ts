import { Ajv2020 } from 'ajv/dist/2020.js';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { seededUniform } from '../sampling.ts';
import type { TokenConstraint, TokenVocabulary } from '../types.ts';
import { choicesConstraint, jsonSchemaConstraint, regexConstraint, tokenSequencesConstraint } from './index.ts';

/** Every byte, and pieces of JSON and of text that run over what a grammar keeps apart, cut within characters too. */
const pieces = [
  '{"',
  '":',
  '": ',
  '",',
  '", "',
  '"}',
  '"]',
  '}}',
  ']}',
  '},{',
  '":{"',
  '":[',
  '[[',
  'true',
  'false',
  'null',
  'al',
  'se,',
  '12',
  '0.',
  '00',
  '-1',
  'e+',
  'E-9',
  '\\"',
  '\\u00',
  '\\ud83d\\ude',
  '\\n',
  'é',
  '漢字',
  '🙂',
  ' the',
  'name',
  'ab',
  'abc',
  'a"b',
  '" ',
  ', "',
  '\u0007',
  '\n',
  'zz"}',
  '9]',
  '3,',
  ',3',
  '1}',
  'x'.repeat(20),
];
const byteTokens = Array.from({ length: 256 }, (_, byte) => Uint8Array.of(byte));
const encoder = new TextEncoder();
const tokens: (Uint8Array | undefined)[] = [
  undefined,
  ...byteTokens,
  ...pieces.map((piece) => encoder.encode(piece)),
  encoder.encode('🙂').slice(1),
  encoder.encode('é"').slice(1),
  new Uint8Array(0),
];
const vocabulary: TokenVocabulary = { size: tokens.length, bytesOf: (id) => tokens[id] };
const closing = new Set([...'"}]0@-.'].map((text) => 1 + text.charCodeAt(0)));

const allowedOf = (mask: Uint32Array) =>
  tokens.flatMap((_, id) => (((mask[id >> 5]! >>> (id & 31)) & 1) === 1 ? [id] : []));

/** A text from random choices among what is allowed; after `patience` tokens whatever closes is preferred. */
function say(constraint: TokenConstraint, uniform: () => number, patience = 40): string {
  let state = constraint.begin(vocabulary);
  const said: number[] = [];
  // By chance alone a text like 0-0 inside of another takes hundreds of steps.
  for (let step = 0; step < 20_000; step++) {
    const ids = allowedOf(state.allowed);
    expect(ids.length > 0).toBe(state.open);
    if (state.complete && (!state.open || uniform() < 0.2 || step > patience)) break;
    const ends = ids.filter((id) => closing.has(id));
    const among = step > patience && ends.length > 0 && uniform() < 0.9 ? ends : ids;
    const id = among[Math.floor(uniform() * among.length)]!;
    said.push(...tokens[id]!);
    state = state.after(id);
  }
  expect(state.complete).toBe(true);
  return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(Uint8Array.from(said));
}

/** Whether a text can be said byte by byte, and may end there. */
function accepts(constraint: TokenConstraint, text: string): boolean {
  let state = constraint.begin(vocabulary);
  for (const byte of encoder.encode(text)) {
    if (((state.allowed[(byte + 1) >> 5]! >>> ((byte + 1) & 31)) & 1) === 0) return false;
    state = state.after(byte + 1);
  }
  return state.complete;
}

const ajv = new Ajv2020({ strict: false, validateFormats: false });

describe('a JSON schema', () => {
  const { schema: anySchema } = fc.letrec<{ schema: object; leaf: object }>((tie) => ({
    leaf: fc.oneof(
      fc.constantFrom<object>(
        { type: 'null' },
        { type: 'boolean' },
        { type: 'string' },
        { type: 'number' },
        { type: 'integer' },
        {},
      ),
      fc
        .tuple(fc.integer({ min: -1200, max: 1200 }), fc.nat(300))
        .map(([low, more]) => ({ type: 'integer', minimum: low, maximum: low + more })),
      fc
        .tuple(fc.integer({ min: -40, max: 40 }), fc.nat(30))
        .map(([low, more]) => ({ type: 'number', exclusiveMinimum: low, maximum: low + 1 + more })),
      fc.tuple(fc.nat(5), fc.nat(60)).map(([min, more]) => ({ type: 'string', minLength: min, maxLength: min + more })),
      fc
        .constantFrom('^[a-c]{2,4}$', '\\d+-\\d+', '^(é|🙂)*$', '^"\\\\?\\s$', '[^a-z]$')
        .map((pattern) => ({ type: 'string', pattern })),
      fc
        .constantFrom('^[a-z]+$', '^\\w*\\.$')
        .map((pattern) => ({ type: 'string', pattern, minLength: 2, maxLength: 6 })),
      fc.array(fc.jsonValue({ maxDepth: 1 }), { minLength: 1, maxLength: 4 }).map((values) => ({ enum: values })),
      fc.jsonValue({ maxDepth: 2 }).map((value) => ({ const: value })),
    ),
    schema: fc.oneof(
      { maxDepth: 3 },
      tie('leaf'),
      fc
        .tuple(tie('schema'), fc.nat(2), fc.nat(3))
        .map(([items, min, more]) => ({ type: 'array', items, minItems: min, maxItems: min + more })),
      fc
        .tuple(fc.array(tie('schema'), { minLength: 1, maxLength: 3 }), fc.boolean())
        .map(([first, closed]) => ({ type: 'array', prefixItems: first, ...(closed ? { items: false } : {}) })),
      fc.array(tie('schema'), { minLength: 1, maxLength: 3 }).map((anyOf) => ({ anyOf })),
      fc
        .dictionary(
          fc.string({ unit: 'binary', maxLength: 6 }).filter((key) => key !== '__proto__' && key.isWellFormed()),
          fc.tuple(tie('schema'), fc.boolean()),
          { maxKeys: 4 },
        )
        .map((members) => ({
          type: 'object',
          properties: Object.fromEntries(Object.entries(members).map(([key, [schema]]) => [key, schema])),
          required: Object.entries(members).flatMap(([key, [, needed]]) => (needed ? [key] : [])),
          additionalProperties: false,
        })),
      tie('schema').map((additionalProperties) => ({ type: 'object', additionalProperties })),
    ),
  }));

  test('whatever is chosen, the text parses and validates', () => {
    fc.assert(
      fc.property(anySchema, fc.integer(), (schema, seed) => {
        const constraint = jsonSchemaConstraint(schema, { nesting: 8 });
        const validate = ajv.compile(schema);
        const uniform = seededUniform(seed);
        for (let round = 0; round < 4; round++) {
          const text = say(constraint, uniform);
          const valid = validate(JSON.parse(text));
          if (!valid) expect({ text, schema, errors: validate.errors }).toBe('valid');
        }
      }),
      { numRuns: 150 },
    );
  });

  test('what is valid and written in the declared order can be said', () => {
    const person = jsonSchemaConstraint({
      type: 'object',
      properties: {
        name: { type: 'string' },
        age: { type: 'integer', minimum: 0 },
        tags: { type: 'array', items: { enum: ['a', 'b'] } },
      },
      required: ['name'],
    });
    for (const text of [
      '{"name":"A\\n\\u00e9\\ud83d\\ude42🙂"}',
      '{"name": "", "age": 0}',
      '{"name":"x","tags":["a", "b"]}',
      '{"name":"x","age":30,"tags":[]}',
    ])
      expect(accepts(person, text)).toBe(true);
    for (const text of [
      '{}',
      '{"age":3}',
      '{"name":"x",}',
      '{"name":"x" }',
      '{"name":"x","age":-1}',
      '{"name":"x","age":01}',
      '{"age":1,"name":"x"}',
      '{"name":"x","more":1}',
      '{"name":"\n"}',
      '{"name":"\\ud83d"}',
    ])
      expect(accepts(person, text)).toBe(false);
    for (const [schema, yes, no] of [
      [
        { type: 'number', minimum: -2, exclusiveMaximum: 10 },
        ['-2', '-1.5', '0', '-0.5', '9.99', '5.0'],
        ['-2.5', '10', '10.0', '-3', '1e1'],
      ],
      [
        { type: 'integer', exclusiveMinimum: 98, maximum: 1001 },
        ['99', '100', '999', '1000', '1001'],
        ['98', '1002', '9', '-99'],
      ],
      [{ type: 'number' }, ['1e5', '-0.25E-07', '0'], ['1e', '.5', '01', '1e999', '+1']],
      [{ const: { a: [1, 'é"'] } }, ['{"a":[1,"é\\""]}'], ['{"a":[1]}']],
      [{ type: ['string', 'null'], maxLength: 2 }, ['null', '"🙂🙂"', '"\\ud83d\\ude42a"'], ['"abc"', '1']],
      [
        { type: 'string', format: 'date-time' },
        ['"2026-02-28T23:59:59Z"', '"2024-01-31T00:00:00.5+01:00"'],
        ['"2026-02-30T00:00:00Z"', '"2026-02-28"'],
      ],
      [{ type: 'string', pattern: 'b+' }, ['"b"', '"abbc"'], ['"ac"']],
      [{ type: 'object' }, ['{}', '{"x":{"y":[1,{}]}}'], ['[]', '{"x"}']],
    ] as [object, string[], string[]][]) {
      const constraint = jsonSchemaConstraint(schema);
      for (const text of yes) expect(`${text} ${accepts(constraint, text)}`).toBe(`${text} true`);
      for (const text of no) expect(`${text} ${accepts(constraint, text)}`).toBe(`${text} false`);
    }
  });

  test('recursion ends within the levels it is given', () => {
    const list = {
      $ref: '#/$defs/list',
      $defs: {
        list: {
          type: 'object',
          properties: { next: { $ref: '#/$defs/list' }, many: { type: 'array', items: { $ref: '#' } } },
        },
      },
    };
    const constraint = jsonSchemaConstraint(list, { nesting: 3 });
    expect(accepts(constraint, '{"next":{"next":{}}}')).toBe(true);
    expect(accepts(constraint, '{"next":{"many":[]}}')).toBe(true);
    expect(accepts(constraint, '{"next":{"many":[{}]}}')).toBe(false);
    const validate = ajv.compile(list);
    const uniform = seededUniform(3);
    for (let round = 0; round < 100; round++) expect(validate(JSON.parse(say(constraint, uniform)))).toBe(true);
  });

  test('a long string needs as many masks as a token is long, not as the string', () => {
    let asked = 0;
    const counted: TokenVocabulary = { size: tokens.length, bytesOf: (id) => tokens[id] };
    let state = jsonSchemaConstraint({ type: 'string', maxLength: 3000 }).begin(counted);
    const masks = new Set<Uint32Array>();
    state = state.after(1 + 0x22);
    for (; asked < 2900; asked++) {
      masks.add(state.allowed);
      state = state.after(1 + 0x61);
    }
    expect(masks.size).toBeLessThan(4);
  });

  test.each([
    [{ type: 'array', uniqueItems: true }, "The schema at # has 'uniqueItems', which constraints do not support."],
    [
      { type: 'object', properties: { a: { type: 'integer', multipleOf: 3 } } },
      "The schema at #/properties/a has 'multipleOf', which constraints do not support.",
    ],
    [{ anyOf: [{ type: 'null' }], minLength: 3 }, "'minLength' beside 'anyOf'"],
    [
      { type: 'string', pattern: '(?=a)b' },
      'The pattern "(?=a)b" has "(?=a)", which constraints do not support (at # of the schema).',
    ],
    [{ type: 'string', pattern: '(a)\\1' }, 'has "\\\\1", which constraints do not support'],
    [{ type: 'string', pattern: '(' }, 'is no regular expression'],
    [{ type: 'string', format: 'email' }, 'has the format "email"; supported are date, time, uuid, ipv4, date-time'],
    [{ type: 'number', minimum: 0.5 }, 'minimum of a number must be whole'],
    [{ type: 'integer', minimum: 3, maximum: 2 }, 'No whole number lies between the bounds'],
    [{ type: 'string', maxLength: 1e9 }, 'takes more than 100000 states; ask for shorter lengths'],
    [{ type: 'text' }, 'type at # is "text"; types are'],
    [{ $ref: '#/$defs/a' }, "refers to '#/$defs/a', which is not in it"],
    [{ $ref: '#/$defs/a', $defs: { a: { $ref: '#/$defs/a' } } }, 'refers to itself before anything is said'],
    [
      { type: 'object', properties: { a: { $ref: '#' } }, required: ['a'] },
      'Nothing can be said: no text of at most 32 levels',
    ],
    [{ type: 'string', pattern: '^a$', minLength: 2 }, 'Nothing can be said'],
    [{ type: 'integer', enum: ['a'] }, 'No value of the enum or const at # is valid'],
    [false, 'The schema at # must be an object or true; got false.'],
  ])('%j is refused', (schema, sentence) => {
    expect(() => jsonSchemaConstraint(schema)).toThrow(sentence);
  });
});

describe('a regular expression', () => {
  test.each([
    '(GET|POST) /[a-z0-9/]{1,8}',
    '\\d{3}-\\d{4}',
    '[^\\x00-\\x7F]+',
    '(ab|a)*b?',
    '.{3}',
    '\\p{Lu}\\p{Ll}{0,3}',
    '[\\w.]+@\\w+',
    'a{0}b',
    '',
    '\\s',
  ])('whatever is chosen, the text matches %j', (pattern) => {
    const uniform = seededUniform(5);
    const constraint = regexConstraint(pattern);
    const whole = new RegExp(`^(?:${pattern})$`, 'u');
    for (let round = 0; round < 60; round++) expect(say(constraint, uniform, 10)).toMatch(whole);
  });

  test('says what matches and nothing else', () => {
    fc.assert(
      fc.property(
        fc.constantFrom('(a|b)*abb', 'a{2,3}b?', '[ab]+c', '(ab?){2}', 'a*?b+?'),
        fc.string({ unit: fc.constantFrom('a', 'b', 'c'), maxLength: 7 }),
        (pattern, text) => {
          expect(accepts(regexConstraint(pattern), text)).toBe(new RegExp(`^(?:${pattern})$`, 'u').test(text));
        },
      ),
      { numRuns: 300 },
    );
  });
});

test('choices and sequences of tokens are said whole', () => {
  const uniform = seededUniform(1);
  const labels = ['yes', 'no', 'not sure', 'année'];
  const said = new Set(Array.from({ length: 200 }, () => say(choicesConstraint(labels), uniform)));
  expect([...said].sort()).toEqual([...labels].sort());
  const state = tokenSequencesConstraint([[5, 6], [5], [7, 1]]).begin(vocabulary);
  expect([allowedOf(state.allowed), state.complete]).toEqual([[5, 7], false]);
  expect([allowedOf(state.after(5).allowed), state.after(5).complete, state.after(5).open]).toEqual([[6], true, true]);
  expect([state.after(5).after(6).open, state.after(7).complete]).toEqual([false, false]);
  expect(() => state.after(6)).toThrow('Token 6 may not come here');
  expect(() => choicesConstraint([''])).toThrow(/none of them empty/);
  expect(() => tokenSequencesConstraint([[900]]).begin(vocabulary)).toThrow(/900 is not a token id/);
});
