/** Tokenizers of every kind, spoilt or made to do harm: each opens or gives a sentence, and ends soon. */
import { readFile } from 'node:fs/promises';
import { createTokenizer } from '@working-papers/models';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type FolderFiles, tokenizerOfFolder } from '../packages/models/src/tokenizers/converters/of-folder.ts';
import { answerOrSentence, byteEdits, cases, jsonEdits, long, spoilBytes, spoilJson } from './hostile.ts';

type Json = Record<string, unknown>;

const fixture = async (name: string) =>
  JSON.parse(
    await readFile(new URL(`../packages/models/fixtures/tokenizers/${name}.json`, import.meta.url), 'utf8'),
  ) as Json;

const kinds =
  'bert bert-cased gpt2 llama3 qwen2 smollm roberta clip llama2 llama2-metaspace gemma t5 albert xlm word-level pieces'.split(
    ' ',
  );
const patience = long ? 1_200_000 : 60_000;
const text = 'Hello <s> wörld 12\n😀 中文 e\u0301';

const use = (tokenizer: Json) => {
  const made = createTokenizer({ tokenizer });
  const { ids, offsets } = made.encode(text, { pair: 'b c', offsets: true });
  for (const [start, end] of offsets!) expect(start).toBeLessThanOrEqual(end);
  return made.decode(ids);
};

describe('tokenizer.json of every kind, spoilt', () => {
  it.each(kinds)('%s', { timeout: patience }, async (kind) => {
    const whole = await fixture(kind);
    const { vocab, merges, ...model } = whole.model as Json;
    expect(use(whole).length).toBeGreaterThan(0);
    await fc.assert(
      fc.asyncProperty(jsonEdits, fc.boolean(), async (edits, inSteps) => {
        // Most of a file is vocabulary: half of the cases spoil only what is not.
        const part = spoilJson(inSteps ? { ...whole, model } : whole, edits) as Json;
        const isModel = typeof part.model === 'object' && part.model !== null && !Array.isArray(part.model);
        const spoilt = inSteps && isModel ? { ...part, model: { vocab, merges, ...(part.model as Json) } } : part;
        await answerOrSentence(100_000, () => use(spoilt));
      }),
      cases(1_000),
    );
  });
});

describe('the files before tokenizer.json, spoilt', () => {
  const open = async (files: Record<string, Uint8Array>, type: string) => {
    const read: FolderFiles = {
      text: async (name) => files[name] && new TextDecoder().decode(files[name]),
      object: async (name) => {
        if (!files[name]) return undefined;
        const value: unknown = JSON.parse(new TextDecoder().decode(files[name]));
        return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Json) : {};
      },
      bytes: async (name) => files[name],
    };
    const tokenizer = await tokenizerOfFolder(read, type);
    return tokenizer && use(tokenizer);
  };

  it('SentencePiece models, vocab.txt, vocab.json with merges.txt', { timeout: patience }, async () => {
    const { classes, sentencepiece } = (await fixture('folders')) as {
      classes: Record<string, { files: Record<string, string> }>;
      sentencepiece: Record<string, { model: string }>;
    };
    const bytesOf = (given: string) => new TextEncoder().encode(given);
    const files: [type: string, name: string, bytes: Uint8Array, others: Record<string, Uint8Array>][] = [
      ['t5', 'spiece.model', Buffer.from(sentencepiece['unigram-bytes']!.model, 'base64'), {}],
      ['llama', 'tokenizer.model', Buffer.from(sentencepiece.bpe!.model, 'base64'), {}],
      ['bert', 'vocab.txt', bytesOf(classes.bert!.files['vocab.txt']!), {}],
      ['esm', 'vocab.txt', bytesOf(classes.esm!.files['vocab.txt']!), {}],
      [
        'roberta',
        'merges.txt',
        bytesOf(classes.roberta!.files['merges.txt']!),
        { 'vocab.json': bytesOf(classes.roberta!.files['vocab.json']!) },
      ],
    ];
    for (const [type, name, whole, others] of files) {
      expect(await open({ [name]: whole, ...others }, type)).toBeDefined();
      await fc.assert(
        fc.asyncProperty(byteEdits, async (edits) => {
          await answerOrSentence(whole.length, () => open({ [name]: spoilBytes(whole, edits), ...others }, type));
        }),
        cases(1_000),
      );
    }
  });
});

describe('tokenizers that mean harm end soon, with a sentence', () => {
  const base = { normalizer: null, pre_tokenizer: null, post_processor: null, decoder: null, added_tokens: [] };
  const words = { type: 'WordLevel', vocab: { a: 0, '<unk>': 1 }, unk_token: '<unk>' };
  const split = (Regex: string) => ({ type: 'Split', pattern: { Regex }, behavior: 'Isolated', invert: false });
  const replace = (pattern: object, content: string) => ({ type: 'Replace', pattern, content });
  const nested = (depth: number): unknown =>
    depth === 0 ? { type: 'NFC' } : { type: 'Sequence', normalizers: [nested(depth - 1)] };
  const hostile: [string, Json, string, RegExp][] = [
    ['a pattern that backtracks', { pre_tokenizer: split('^(a+)+$') }, `${'a'.repeat(40)}b`, /longer than 1\.\d+ s/],
    [
      'a pattern that backtracks in a normaliser',
      { normalizer: replace({ Regex: '(x+x+)+y' }, 'z') },
      'x'.repeat(60),
      /longer than 1\.\d+ s/,
    ],
    [
      'a pattern that backtracks in an added token, when it is made',
      {
        normalizer: replace({ Regex: '(x+x+)+y' }, 'z'),
        added_tokens: [{ id: 2, content: 'x'.repeat(60), normalized: true }],
      },
      'a',
      /make no tokenizer \(its regular expressions take longer/,
    ],
    [
      'a normaliser that doubles',
      { normalizer: { type: 'Sequence', normalizers: Array(60).fill(replace({ String: 'a' }, 'aa')) } },
      'a',
      /make more than \d+ characters/,
    ],
    ['a long prefix', { normalizer: { type: 'Prepend', prepend: 'a'.repeat(10 ** 6) } }, 'a', /make more than/],
    ['steps inside one another', { normalizer: nested(2_000) }, 'a', /more than 16 deep/],
    ['a long pattern', { pre_tokenizer: split('(a|b)'.repeat(2_000)) }, 'a', /at most 4000/],
    ['a pattern that is none', { pre_tokenizer: split('(') }, 'a', /make no tokenizer/],
    ['a long token', { model: { ...words, vocab: { ['a'.repeat(20_000)]: 0 } } }, 'a', /at most 10000/],
    ['an id that is none', { model: { ...words, vocab: { a: 2 ** 40 } } }, 'a', /gives "a" the id 1099511627776/],
    [
      'a template of a thousand texts',
      {
        post_processor: { type: 'TemplateProcessing', single: Array(1_000).fill({ Sequence: { id: 'A' } }), pair: [] },
      },
      'a',
      /list of at most 64/,
    ],
  ];
  it.each(hostile)('%s', { timeout: 20_000 }, async (_, parts, given, expected) => {
    let message = '';
    await answerOrSentence(1_000_000, () => {
      try {
        createTokenizer({ tokenizer: { ...base, model: words, ...parts } }).encode(given);
      } catch (error) {
        message = (error as Error).message;
        throw error;
      }
    });
    expect(message).toMatch(expected);
  });

  // Once more where the machine did something else meanwhile; what is quadratic never gets through.
  it('a word as long as a book takes no more time than its length asks for', {
    timeout: 60_000,
    retry: 2,
  }, async () => {
    for (const kind of kinds) {
      const tokenizer = createTokenizer({ tokenizer: await fixture(kind) });
      for (const piece of ['a', 'ab', '\u0301', ' ', '\n', '中', '😀', '▁', '<', "'"]) {
        const began = performance.now();
        tokenizer.encode(piece.repeat(50_000 / piece.length), { offsets: true });
        expect(performance.now() - began, `${kind}: ${JSON.stringify(piece)}`).toBeLessThan(4_000);
      }
    }
  });
});
