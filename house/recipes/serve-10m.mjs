/**
 * house:serve-10m: node house/make.mjs serve-10m [--steps 2400] [--seed 1] [--out house/serve-10m] [--resume]. --resume goes on from the folder's
 * checkpoint. Fails where the gate is not passed.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bytePairTokenizer, createTokenizer } from '../../packages/models/dist/index.js';
import { context, pieces, serve10m, specials } from '../../packages/training/dist/house/serve-10m.js';
import { collected } from '../../packages/training/dist/index.js';
import { openDataset } from '../../packages/training/dist/node/index.js';
import { makeDecoder, optionsOf } from '../decoder.mjs';

/** The chapters of a text of the house, a line a paragraph. */
async function chaptersOf(name) {
  const chapters = new Map();
  for (const { fields } of await collected(await openDataset(name))) {
    const key = `${fields.book} ${fields.chapter}`;
    chapters.set(key, [...(chapters.get(key) ?? []), fields.text]);
  }
  return [...chapters.values()].map((paragraphs) => paragraphs.join('\n'));
}

/**
 * Byte-level pieces of the books, digits one by one. The library trains 30,000; the first merges are those of fewer, for each is chosen
 * before the next.
 */
function trainedPieces(text) {
  const { BPE, byteLevelPreTokenizer, digitsPreTokenizer, sequencePreTokenizer, Tokenizer } = createRequire(
    import.meta.url,
  )('tokenizers');
  const folder = mkdtempSync(join(tmpdir(), 'house-pieces-'));
  const trained = new Tokenizer(BPE.empty());
  trained.setPreTokenizer(sequencePreTokenizer([digitsPreTokenizer(true), byteLevelPreTokenizer(false)]));
  writeFileSync(join(folder, 'text'), text);
  trained.train([join(folder, 'text')]);
  trained.save(join(folder, 'tokenizer.json'));
  const { model } = JSON.parse(readFileSync(join(folder, 'tokenizer.json'), 'utf8'));
  rmSync(folder, { recursive: true });
  return model.merges;
}

const books = await chaptersOf('house:books');
const merges = trainedPieces(books.join('\n')).slice(0, pieces - 256 - specials.length);
const [end, pad] = specials;
const files = {
  tokenizer: bytePairTokenizer(merges, specials),
  config: { bos_token: end, eos_token: end, pad_token: pad },
};
const tokenizer = createTokenizer(files);
const encode = (text) => tokenizer.encode(text, { addSpecialTokens: false }).ids;
/** Chapters end to end, the first special between them. */
function materialOf(chapters) {
  const parts = chapters.map((chapter) => Int32Array.from([...encode(chapter), ...tokenizer.eosIds]));
  const prose = new Int32Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    prose.set(part, at);
    at += part.length;
  }
  return { prose, encode };
}

await makeDecoder({
  ...optionsOf('serve-10m', 2400),
  recipe: serve10m,
  material: materialOf(books),
  held: materialOf(await chaptersOf('house:held-out')),
  lengths: [128, 256, context],
  tokenizer: files,
  failing({ [context]: { passkeys, nats } }) {
    const [recall, perplexity] = [100 * passkeys, Math.exp(nats)];
    if (recall >= 95 && perplexity <= 250) return undefined;
    return `The gate is 95 % of passkeys at ${context} pieces and a perplexity of 250 on house:held-out; this model says ${recall} % and has ${perplexity.toFixed(0)}.`;
  },
});
