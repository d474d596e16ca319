/** What the engines are given: token ids, sentences, windows of text. */
import { readFileSync } from 'node:fs';
import { openTokenizer } from '../packages/models/dist/node/index.js';

const read = (path) => readFileSync(new URL(path, import.meta.url), 'utf8');

/** The same ids for every engine: SmolLM2's ordinary vocabulary, no special tokens; `row` makes texts differ. */
export const promptIds = (length, row = 0) =>
  Array.from({ length }, (_, i) => ((i * 7919 + row * 104729 + 13) % 49000) + 17);

/** Texts to embed: the sentences of the founding page's abstracts, longer than a heading, in their order there. */
export const sentences = () =>
  (read('../seed/daily-papers.txt').match(/[^.!?\n]{40,}[.!?]/g) ?? []).map((text) => text.trim()).slice(0, 256);

/** Windows of 512 tokens of two texts, at most `count` of each, by our own tokenizer, whose ids every engine is given. */
export async function perplexityWindows(reference, count) {
  const { tokenizer } = await openTokenizer(reference);
  const texts = { licence: read('../LICENSE'), abstracts: read('../seed/daily-papers.txt') };
  return Object.fromEntries(
    Object.entries(texts).map(([name, text]) => {
      const { ids } = tokenizer.encode(text);
      const whole = Math.min(count, Math.floor(ids.length / 512));
      return [name, Array.from({ length: whole }, (_, i) => [...ids.slice(i * 512, (i + 1) * 512)])];
    }),
  );
}
