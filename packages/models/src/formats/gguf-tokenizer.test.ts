/** Tokenizers rebuilt from GGUF metadata, against llama.cpp on the same files (fixtures/tokenizers/make-gguf.py). */
import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { createTokenizer } from '../tokenizers/index.ts';
import { parseGgufHeader } from './gguf.ts';
import { tokenizerOfGguf } from './gguf-tokenizer.ts';

const fixture = JSON.parse(await readFile(new URL('../../fixtures/tokenizers/gguf.json', import.meta.url), 'utf8')) as {
  texts: string[];
  files: Record<string, string>;
  ids: Record<string, number[][]>;
};

const headerOf = (name: string) => {
  const bytes = Uint8Array.from(Buffer.from(fixture.files[name]!, 'base64'));
  return parseGgufHeader(bytes, bytes.length);
};

/** Where llama.cpp does other than the tokenizer.json or the vocab.txt of the models, and we as these. */
const isKnownDifference = (kind: string, text: string) =>
  // It leaves out the normal form of Qwen2,
  (kind === 'qwen2' && text.normalize('NFC') !== text) ||
  // keeps words of any length, takes vertical tabs and form feeds for spaces, and leaves out vowels of Hangul and spacing marks.
  (kind === 'bert' && /\S{101}|[\v\f]|\p{Script=Hangul}|\p{Mc}/u.test(text));

describe.each(Object.entries(fixture.ids))('a GGUF vocabulary: %s', (kind, expected) => {
  const [name, pre] = kind.split(' ') as [string, string | undefined];
  const header = headerOf(name);
  if (pre) header.metadata.set('tokenizer.ggml.pre', pre);
  const tokenizer = createTokenizer(tokenizerOfGguf(header)!);

  it('gives the ids of llama.cpp', () => {
    const wrong = fixture.texts.flatMap((text, i) => {
      if (isKnownDifference(pre ?? name, text)) return [];
      const { ids } = tokenizer.encode(text, { addSpecialTokens: false });
      return JSON.stringify(ids) === JSON.stringify(expected[i]) ? [] : [{ text, ids, expected: expected[i] }];
    });
    expect(wrong).toEqual([]);
  });
});

describe('the first and last token of a GGUF vocabulary', () => {
  const encode = (name: string, change: (metadata: Map<string, unknown>) => void = () => {}) => {
    const header = headerOf(name);
    change(header.metadata);
    const tokenizer = createTokenizer(tokenizerOfGguf(header)!);
    return [tokenizer.encode('a').ids, tokenizer.encode('a', { addSpecialTokens: false }).ids] as const;
  };

  it('are as llama.cpp takes them where the metadata do not say', () => {
    const [llama, plain] = encode('llama');
    expect(llama).toEqual([1, ...plain]);
    const [t5, plainT5] = encode('t5');
    expect(t5).toEqual([...plainT5, 2]);
    const [bert, plainBert] = encode('bert');
    expect(bert).toEqual([2, ...plainBert, 3]);
    const [gpt2, plainGpt2] = encode('gpt2');
    expect(gpt2).toEqual(plainGpt2);
  });

  it('are as the metadata say', () => {
    const [llama, plain] = encode('llama', (metadata) => {
      metadata.set('tokenizer.ggml.add_bos_token', false);
      metadata.set('tokenizer.ggml.add_eos_token', true);
    });
    expect(llama).toEqual([...plain, 2]);
  });

  it('comes with the named chat templates', () => {
    const header = headerOf('llama');
    header.metadata.set('tokenizer.chat_template', 'default');
    header.metadata.set('tokenizer.chat_template.tool_use', 'with tools');
    const tokenizer = createTokenizer(tokenizerOfGguf(header)!);
    expect(tokenizer.applyChatTemplate([], { tools: [{}] })).toBe('with tools');
    expect(tokenizer.applyChatTemplate([])).toBe('default');
  });
});
