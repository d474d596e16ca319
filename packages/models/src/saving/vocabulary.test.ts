/** Tokenizers that went into a GGUF file's metadata and came back give the ids that they gave before. */
import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { parseGgufHeader } from '../formats/gguf.ts';
import { tokenizerOfGguf } from '../formats/gguf-tokenizer.ts';
import { ggufVocabulary } from '../formats/gguf-vocabulary.ts';
import { ggufHeader } from '../formats/gguf-writer.ts';
import { tinyLlama } from '../testing/random-checkpoint.ts';
import { createTokenizer } from '../tokenizers/index.ts';
import type { TokenizerFiles } from '../tokenizers/types.ts';

const folder = new URL('../../fixtures/tokenizers/', import.meta.url);
const read = async (name: string) => JSON.parse(await readFile(new URL(name, folder), 'utf8'));
const texts = ((await read('texts.json')) as string[]).filter((text) => text.length < 400);

function throughGguf(files: TokenizerFiles, size: number) {
  const header = ggufHeader(ggufVocabulary(files, { ...tinyLlama, vocab_size: size }), []);
  return tokenizerOfGguf(parseGgufHeader(header, header.byteLength))!;
}

const sizeOf = ({ model, added_tokens }: Record<string, unknown>): number => {
  const vocab = (model as { vocab: object }).vocab;
  const ids = Array.isArray(vocab) ? [vocab.length - 1] : Object.values(vocab as Record<string, number>);
  return Math.max(...ids, ...(added_tokens as { id: number }[]).map(({ id }) => id)) + 1;
};

test.each(['gpt2', 'smollm', 'llama3', 'qwen2', 'llama2', 'bert', 't5'])('%s', async (name) => {
  const tokenizer = (await read(`${name}.json`)) as Record<string, unknown>;
  const size = sizeOf(tokenizer);
  const template = '{{ messages }}';
  const back = throughGguf({ tokenizer, chatTemplate: template, chatTemplates: { tool_use: 'tools' } }, size + 3);
  expect(back.chatTemplate).toBe(template);
  expect(back.chatTemplates).toEqual({ tool_use: 'tools' });
  const [before, after] = [createTokenizer({ tokenizer }), createTokenizer(back)];
  // GGUF does not say of an added token whether it takes the spaces beside it along or stands as a word only.
  const flagged = (tokenizer.added_tokens as Record<string, unknown>[])
    .filter(({ lstrip, rstrip, single_word }) => lstrip || rstrip || single_word)
    .map(({ content }) => content as string);
  const plain = texts.filter((text) => !flagged.some((token) => text.toLowerCase().includes(token.toLowerCase())));
  expect(plain.length).toBeGreaterThan(50);
  // Where SentencePiece trims, the spaces at the ends go too; Hugging Face's T5 keeps one.
  for (const text of name === 't5' ? plain.filter((text) => /^[\p{L}\p{N}](.*[\p{L}\p{N}])?$/su.test(text)) : plain)
    expect(after.encode(text).ids, JSON.stringify(text)).toEqual(before.encode(text).ids);
  for (let id = 0; id < size; id++) expect(after.bytesOf(id), String(id)).toEqual(before.bytesOf(id));
});

test('what llama.cpp has no equal of is refused', async () => {
  const tokenizer = await read('gpt2.json');
  const cut = {
    ...tokenizer,
    pre_tokenizer: { type: 'Sequence', pretokenizers: [{ type: 'Punctuation' }, tokenizer.pre_tokenizer] },
  };
  expect(() => throughGguf({ tokenizer: cut }, sizeOf(tokenizer))).toThrow(/no name of llama.cpp stands for/);
  expect(() => throughGguf({ tokenizer }, 10)).toThrow(/but the model has 10 tokens/);
  const words = { ...tokenizer, model: { type: 'WordLevel', vocab: {} } };
  expect(() => throughGguf({ tokenizer: words }, sizeOf(tokenizer))).toThrow(/kind "WordLevel" is not written/);
});

test('a model without a tokenizer says so', () => {
  const header = ggufHeader(ggufVocabulary(undefined, tinyLlama), []);
  expect(tokenizerOfGguf(parseGgufHeader(header, header.byteLength))).toBeUndefined();
});
