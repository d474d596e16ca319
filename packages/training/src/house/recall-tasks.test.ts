import { seededUniform } from '@working-papers/models';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  bytesOf,
  keyValueText,
  passkeyNames,
  passkeyText,
  proseText,
  repeatsText,
  type WeightedText,
} from './recall-tasks.ts';

const prose = new TextEncoder().encode(
  'A whale ship was my Yale College and my Harvard, said he who went. '.repeat(40),
);
const book = bytesOf(prose);
const text = ({ ids }: WeightedText) => String.fromCharCode(...ids);
const digitsThatCount = ({ ids, weights }: WeightedText) =>
  String.fromCharCode(...ids.filter((_, i) => weights[i] === 10));
const seeds = fc.record({ seed: fc.nat(), length: fc.integer({ min: 120, max: 512 }) });

test('each is as long as it was asked for, and the same for the same seed', () => {
  fc.assert(
    fc.property(seeds, ({ seed, length }) => {
      for (const make of [proseText, repeatsText, keyValueText, passkeyText]) {
        const one = make(seededUniform(seed), book, length);
        expect([one.ids.length, one.weights.length]).toEqual([length, length]);
        expect(text(make(seededUniform(seed), book, length))).toBe(text(one));
      }
    }),
  );
});

test('a passkey is told once, where it was wanted, and asked for at the end', () => {
  fc.assert(
    fc.property(seeds, fc.constantFrom(0, 0.5, 1), ({ seed, length }, depth) => {
      const made = passkeyText(seededUniform(seed), book, length, depth);
      const key = digitsThatCount(made);
      expect(key).toMatch(/^\d{5}$/);
      const said = text(made);
      const name = passkeyNames.find((name) => said.includes(` The ${name} is ${key}. Remember it. `));
      expect(said.endsWith(` What is the ${name}? The ${name} is ${key}.`)).toBe(true);
      expect(said.split(key)).toHaveLength(3);
      const room = length - ` The ${name} is 12345. Remember it.  What is the ${name}? The ${name} is 12345.`.length;
      expect(said.indexOf(` The ${name} is`)).toBe(Math.round(depth * room));
    }),
  );
});

test('every number that counts was said before with its name', () => {
  fc.assert(
    fc.property(seeds, ({ seed, length }) => {
      const made = keyValueText(seededUniform(seed), book, length);
      const { ids, weights } = made;
      const said = text(made);
      let asked = 0;
      for (let i = 0; i < ids.length; i++) {
        if (weights[i] !== 10 || weights[i - 1] === 10) continue;
        const pair = said.slice(i - 9, i + 5);
        expect(pair).toMatch(/^ [a-z]{4} is \d{5}$/);
        expect(said.indexOf(pair)).toBeLessThan(i - 9);
        asked += 1;
      }
      expect(asked).toBeGreaterThan(0);
    }),
  );
});

test('what counts of a repetition stands before it too', () => {
  fc.assert(
    fc.property(seeds, ({ seed, length }) => {
      const { ids, weights } = repeatsText(seededUniform(seed), book, length);
      const first = weights.findIndex((weight) => weight !== 0);
      const segment = String.fromCharCode(...ids.subarray(0, first));
      const copies = [...weights].map((weight, i) => (weight === 1 ? String.fromCharCode(ids[i]!) : '\n')).join('');
      for (const copy of copies.split('\n').filter(Boolean))
        expect((segment + segment).includes(copy) || copy.startsWith(segment)).toBe(true);
    }),
  );
});

test('tokens of several letters fill their text to the end too, and end with an answer', () => {
  // A token a letter, or a token of up to three letters in a row; digits alone.
  const encode = (said: string) => (said.match(/[a-z]{1,3}|[^a-z]/g) ?? []).map((token) => tokenOf(token));
  const names: string[] = [];
  const tokenOf = (token: string) => {
    if (!names.includes(token)) names.push(token);
    return names.indexOf(token);
  };
  const material = {
    prose: Int32Array.from(encode('the old man and the sea, and the boy who went. '.repeat(60))),
    encode,
  };
  fc.assert(
    fc.property(seeds, ({ seed, length }) => {
      for (const make of [keyValueText, passkeyText]) {
        const { ids, weights } = make(seededUniform(seed), material, length);
        const said = Array.from(ids, (id) => names[id]).join('');
        expect(said).toMatch(/ is \d{5}\. ?$/);
        const last = weights.lastIndexOf(10);
        expect(Array.from(ids.subarray(last - 4, last + 1), (id) => names[id]).join('')).toBe(
          /(\d{5})\. ?$/.exec(said)![1],
        );
      }
    }),
  );
});

test('too little room is said', () => {
  expect(() => passkeyText(seededUniform(1), book, 40)).toThrow(/needs at least \d+ tokens; got 40/);
  expect(() => keyValueText(seededUniform(1), book, 40)).toThrow(/at least 48 tokens; got 40/);
  expect(() => proseText(seededUniform(1), bytesOf(prose.subarray(0, 10)), 40)).toThrow(
    /has 10 tokens; a stretch of 40/,
  );
});
