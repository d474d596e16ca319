/** Tokenizers in other files than tokenizer.json, against transformers and sentencepiece (fixtures/tokenizers/make-folders.py). */
import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { createTokenizer } from '../tokenizer.ts';
import { type FolderFiles, tokenizerOfFolder } from './of-folder.ts';
import { tokenizerOfSentencePiece } from './sentencepiece.ts';
import { parseSentencePiece } from './sentencepiece-model.ts';

interface Row {
  model_type: string;
  files: Record<string, string>;
  texts: [text: string, ids: number[]][];
  pair: number[];
}
const fixture = JSON.parse(
  await readFile(new URL('../../../fixtures/tokenizers/folders.json', import.meta.url), 'utf8'),
) as {
  classes: Record<string, Row>;
  sentencepiece: Record<string, { model: string; texts: [text: string, ids: number[]][] }>;
};

const filesOf = (files: Record<string, string | Uint8Array>): FolderFiles => ({
  text: async (name) => files[name] as string | undefined,
  object: async (name) => (files[name] === undefined ? undefined : JSON.parse(files[name] as string)),
  bytes: async (name) => files[name] as Uint8Array | undefined,
});
const bytesOf = (base64: string) => Uint8Array.from(Buffer.from(base64, 'base64'));
const { unigram, bpe } = fixture.sentencepiece;

describe('a folder without tokenizer.json', () => {
  it.each(Object.entries(fixture.classes))('%s: the ids of the class in transformers', async (_, row) => {
    const files = filesOf(row.files);
    const made = await tokenizerOfFolder(files, row.model_type, await files.object('tokenizer_config.json'));
    const tokenizer = createTokenizer({ tokenizer: made! });
    for (const [text, ids] of row.texts) expect(tokenizer.encode(text).ids, JSON.stringify(text)).toEqual(ids);
    expect(tokenizer.encode('one two', { pair: 'three' }).ids).toEqual(row.pair);
  });

  it.each(Object.entries(fixture.sentencepiece))('SentencePiece %s: the ids of sentencepiece itself', (_, row) => {
    const tokenizer = createTokenizer({ tokenizer: tokenizerOfSentencePiece(parseSentencePiece(bytesOf(row.model))) });
    for (const [text, ids] of row.texts) expect(tokenizer.encode(text).ids, JSON.stringify(text)).toEqual(ids);
  });

  it('adds what the families add', async () => {
    const files = filesOf({ 'spiece.model': bytesOf(unigram!.model), 'tokenizer.model': bytesOf(bpe!.model) });
    const plain = unigram!.texts.find(([text]) => text === 'Hello world')![1];
    const t5 = createTokenizer({ tokenizer: (await tokenizerOfFolder(files, 't5', { extra_ids: 2 }))! });
    const size = parseSentencePiece(bytesOf(unigram!.model)).pieces.length;
    expect(t5.encode('Hello world').ids).toEqual([...plain, 2]);
    expect(t5.encode('<extra_id_0>').ids).toEqual([size + 1, 2]);
    const xlm = createTokenizer({ tokenizer: (await tokenizerOfFolder(files, 'xlm-roberta'))! });
    // fairseq's order of the first pieces, everything else one later
    expect(xlm.encode('Hello world').ids).toEqual([0, ...plain.map((id) => (id === 0 ? 3 : id + 1)), 2]);
    const llamaFiles = filesOf({ 'tokenizer.model': bytesOf(bpe!.model) });
    const llama = createTokenizer({
      tokenizer: (await tokenizerOfFolder(llamaFiles, 'llama', { add_eos_token: true }))!,
    });
    const ids = bpe!.texts.find(([text]) => text === 'Hello world')![1];
    expect(llama.encode('Hello world').ids).toEqual([1, ...ids, 2]);
    expect(llama.decode(ids)).toBe('Hello world');
  });

  it('is no tokenizer without such files, or for a model whose additions are not known', async () => {
    expect(await tokenizerOfFolder(filesOf({}), 'bert')).toBeUndefined();
    expect(await tokenizerOfFolder(filesOf({ 'spiece.model': bytesOf(unigram!.model) }), 'pegasus')).toBeUndefined();
  });

  it('says what is wrong with a file', async () => {
    const broken = bytesOf(unigram!.model).subarray(0, 1_000);
    await expect(tokenizerOfFolder(filesOf({ 'spiece.model': broken }), 't5')).rejects.toThrow(
      /spiece\.model makes no tokenizer: it ends inside a field, at byte 1000/,
    );
    const files = { 'vocab.json': '{"a":0}', 'merges.txt': 'a b c\n' };
    await expect(tokenizerOfFolder(filesOf(files), 'gpt2')).rejects.toThrow(/merges\.txt has the line "a b c"/);
    await expect(tokenizerOfFolder(filesOf({ 'vocab.txt': 'A\nB\n' }), 'esm')).rejects.toThrow(/lacks the token <cls>/);
  });
});
