/** What is learnt of each token, against transformers (fixtures/make-labels.py). */
import { readFileSync } from 'node:fs';
import { type ChatMessage, createTokenizer, type Tokenizer } from '@working-papers/models';
import { describe, expect, it } from 'vitest';
import {
  chatSequence,
  classOf,
  classSequence,
  collected,
  completionSequence,
  fieldOf,
  ignored,
  rowsOf,
  taggedText,
  taggedWords,
  textOf,
  textSequence,
  tokenised,
} from './index.ts';

interface Labelled {
  ids: number[];
  labels: number[];
}
interface Fixture {
  tags: string[];
  words: { tokenizer: string; words: string[]; tags: number[]; first: Labelled; every: Labelled }[];
  completions: ({ tokenizer: string; prompt: string; completion: string } & Labelled)[];
  template: string;
  chats: ({ tokenizer: string; messages: ChatMessage[] } & Labelled)[];
}
const read = (url: URL) => JSON.parse(readFileSync(url, 'utf8'));
const fixture: Fixture = read(new URL('./fixtures/labels.json', import.meta.url));
const tokenizer = (name: string, chatTemplate?: string): Tokenizer =>
  createTokenizer({
    tokenizer: read(new URL(`../../../models/fixtures/tokenizers/${name}.json`, import.meta.url)),
    ...(chatTemplate === undefined ? {} : { chatTemplate }),
  });

describe('tags of words', () => {
  it.each(fixture.words)('$tokenizer: $words', ({ tokenizer: name, words, tags, first, every }) => {
    const { tags: names } = fixture;
    expect(taggedWords(tokenizer(name), words, tags, { tags: names })).toMatchObject(first);
    const named = tags.map((tag) => names[tag]);
    expect(taggedWords(tokenizer(name), words, named, { tags: names, tokens: 'every' })).toMatchObject(every);
  });

  it('are refused where there is not one a word, or a name is unknown', () => {
    const options = { tags: fixture.tags };
    expect(() => taggedWords(tokenizer('bert'), ['a', 'b'], [0], options)).toThrow(/2 words and 1 tags/);
    expect(() => taggedWords(tokenizer('bert'), ['a'], ['B-ORG'], options)).toThrow(/"B-ORG" is none of O, B-PER/);
    expect(() => taggedWords(tokenizer('bert'), ['a'], [5], options)).toThrow(/label 5 is none of/);
  });
});

describe('tags of spans', () => {
  const tags = ['O', 'B-PER', 'I-PER', 'LOC'];
  const text = 'Ada Lovelace, London';
  const spans = [
    { start: 14, end: 20, label: 'LOC' },
    { start: 0, end: 12, label: 'PER' },
  ];

  it('are those of their characters', () => {
    const bert = tokenizer('bert-cased');
    const { ids, labels } = taggedText(bert, text, spans, { tags });
    const { offsets } = bert.encode(text, { offsets: true });
    let person = 0;
    for (const [place, [start, end]] of offsets!.entries()) {
      const special = start === end;
      const expected = special ? ignored : end <= 12 ? (person++ === 0 ? 1 : 2) : start >= 14 ? 3 : 0;
      expect([ids[place], labels![place]], text.slice(start, end)).toEqual([ids[place], expected]);
    }
    expect(person).toBeGreaterThan(2);
    const first = taggedText(bert, text, spans, { tags, tokens: 'first' }).labels!;
    expect(first.filter((label) => label === 1 || label === 3)).toHaveLength(2);
    expect(first).not.toContain(2);
  });

  it('are refused where they overlap, leave the text or have no name', () => {
    const tag =
      (...spans: [number, number, string][]) =>
      () =>
        taggedText(
          tokenizer('bert'),
          text,
          spans.map(([start, end, label]) => ({ start, end, label })),
          { tags },
        );
    expect(tag([0, 5, 'PER'], [4, 8, 'LOC'])).toThrow(/characters 0 to 5 \("PER"\) overlap with those from 4/);
    expect(tag([0, 50, 'PER'])).toThrow(/0 to 50 .* no part of a text of 20/);
    expect(tag([3, 3, 'PER'])).toThrow(/no part of a text/);
    expect(tag([0, 3, 'ORG'])).toThrow(/"ORG" is none of O, B-PER, I-PER, LOC/);
  });
});

describe('a completion', () => {
  it.each(fixture.completions)(
    '$tokenizer: "$prompt" then "$completion"',
    ({ tokenizer: name, ids, labels, ...texts }) => {
      expect(completionSequence(tokenizer(name), texts)).toMatchObject({ ids, labels });
    },
  );

  const gpt2 = tokenizer('gpt2');
  it('ends with the end, unless it was cut', () => {
    const texts = { prompt: 'Say it:', completion: ' it' };
    const whole = completionSequence(gpt2, texts, { end: 0 });
    expect([whole.ids.at(-1), whole.labels!.at(-1), whole.special!.at(-1)]).toEqual([0, 0, 1]);
    const room = whole.ids.length;
    expect(completionSequence(gpt2, texts, { end: 0, maxLength: room })).toEqual(whole);
    const long = { prompt: 'Say:', completion: ' it again and again and again' };
    const cut = completionSequence(gpt2, long, { end: 0, maxLength: 8 });
    expect(cut.ids).toHaveLength(7);
    expect(cut.ids).not.toContain(0);
  });

  it('of which nothing is left is refused, or its prompt is cut', () => {
    const texts = { prompt: 'A long prompt with many words in it', completion: ' yes' };
    expect(() => completionSequence(gpt2, texts, { maxLength: 4 })).toThrow(
      /nothing of the completion.* within 4 tokens; \d+ were cut/,
    );
    const { labels } = completionSequence(gpt2, texts, { maxLength: 4, truncationSide: 'left' });
    expect(labels!.filter((label) => label !== ignored).length).toBeGreaterThan(0);
    expect(() => completionSequence(gpt2, { prompt: 'a', completion: '' })).toThrow(/completion has no token/);
  });

  it('is learnt with the end that its tokenizer adds', () => {
    const t5 = createTokenizer({
      tokenizer: read(new URL('../../../models/fixtures/tokenizers/t5.json', import.meta.url)),
      config: { eos_token: '</s>' },
    });
    const { ids, labels } = completionSequence(t5, { prompt: 'a', completion: ' b' });
    expect([labels!.at(-1), labels![0]]).toEqual([ids.at(-1), ignored]);
    expect(t5.eosIds).toEqual([ids.at(-1)]);
  });
});

describe('a conversation', () => {
  it.each(fixture.chats)('$tokenizer: $messages.length messages', ({ tokenizer: name, messages, ids, labels }) => {
    expect(chatSequence(tokenizer(name, fixture.template), messages)).toMatchObject({ ids, labels });
  });

  it('can be learnt in part, and is refused where the template rewrites it', () => {
    const { messages } = fixture.chats[1]!;
    const chat = tokenizer('gpt2', fixture.template);
    const { labels } = chatSequence(chat, messages, { learns: (_, index) => index === 4 });
    const all = chatSequence(chat, messages).labels!;
    const early = chatSequence(chat, messages, { learns: (_, index) => index === 2 }).labels!;
    expect(labels!.map((label, place) => (label === ignored ? early[place] : label))).toEqual(all);
    expect(early.filter((label, place) => label !== ignored && labels![place] !== ignored)).toEqual([]);
    expect(labels!.lastIndexOf(ignored)).toBeGreaterThan(early.findLastIndex((label) => label !== ignored));
    const forgetful = tokenizer('gpt2', '{% for m in messages %}{{ m.content if loop.last else "..." }}\n{% endfor %}');
    expect(() => chatSequence(forgetful, messages)).toThrow(/writes message 3 differently once others follow/);
    expect(() => chatSequence(chat, messages.slice(0, 2))).toThrow(/messages that are learnt has no token/);
  });
});

describe('a class', () => {
  it('is a number or a name', () => {
    expect([classOf(['no', 'yes'], 'yes'), classOf(['no', 'yes'], 0), classOf(['no', 'yes'], 1n)]).toEqual([1, 0, 1]);
    for (const wrong of ['maybe', 2, -1, 0.5, null])
      expect(() => classOf(['no', 'yes'], wrong)).toThrow(/none of no, yes/);
  });

  it('belongs to a text or a pair', () => {
    const bert = tokenizer('bert');
    const pair = classSequence(bert, ['one text', 'another'], 1);
    const { ids, typeIds } = bert.encode('one text', { pair: 'another' });
    expect(pair).toMatchObject({ ids, typeIds, label: 1 });
    expect(pair.typeIds).toContain(1);
  });
});

describe('rows as sequences', () => {
  const gpt2 = tokenizer('gpt2');
  const rows = rowsOf([{ text: 'one' }, { txt: 'two' }, { text: 3 }, { text: null }, { text: 'four' }]);

  it('are refused with their place, or left out', async () => {
    const encode = (row: Parameters<typeof textOf>[0]) => textSequence(gpt2, textOf(row, 'text'), { end: 0 });
    await expect(collected(tokenised(rows, encode))).rejects.toThrow(
      'row 2: the field "text" is missing; there is "txt".',
    );
    const leftOut: string[] = [];
    const sequences = await collected(tokenised(rows, encode, { leaveOut: (sentence) => leftOut.push(sentence) }));
    expect(sequences.map(({ ids }) => gpt2.decode(ids))).toEqual(['one<|endoftext|>', 'four<|endoftext|>']);
    expect(leftOut).toEqual([
      'row 2: the field "text" is missing; there is "txt".',
      'row 3: the field "text" must be text; got 3.',
      'row 4: the field "text" is empty.',
    ]);
  });

  it('have no field of the language', () => {
    expect(() => fieldOf({ fields: {}, place: 'row 1' }, 'toString')).toThrow(
      /"toString" is missing; there are no fields/,
    );
  });
});
