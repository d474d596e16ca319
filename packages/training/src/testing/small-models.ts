/** Small models with random weights, a tokenizer of words, and rows that a small model can learn. */
import { seededUniform } from '@working-papers/models';
import { randomBert, randomLlama, tinyBert, tinyLlama } from '@working-papers/models/testing';
import type { TrainableModel } from '../tasks/trainable-model.ts';

const specials = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]'] as const;

/** Words `w0`, `w1`, ... after the special tokens, up to 96 of all. */
const vocabulary = Object.fromEntries([
  ...specials.map((token, id) => [token, id]),
  ...Array.from({ length: 96 - specials.length }, (_, index) => [`w${index}`, specials.length + index]),
]);

const added = specials.map((content, id) => ({
  id,
  content,
  special: true,
  single_word: false,
  lstrip: false,
  rstrip: false,
  normalized: false,
}));

const words = {
  version: '1.0',
  added_tokens: added,
  normalizer: null,
  pre_tokenizer: { type: 'WhitespaceSplit' },
  decoder: null,
  model: { type: 'WordLevel', vocab: vocabulary, unk_token: '[UNK]' },
};

const special = (id: string, type_id: number) => ({ SpecialToken: { id, type_id } });
const sequence = (id: string, type_id: number) => ({ Sequence: { id, type_id } });

/** [CLS] before, [SEP] behind. */
const bertWords = {
  ...words,
  post_processor: {
    type: 'TemplateProcessing',
    single: [special('[CLS]', 0), sequence('A', 0), special('[SEP]', 0)],
    pair: [special('[CLS]', 0), sequence('A', 0), special('[SEP]', 0), sequence('B', 1), special('[SEP]', 1)],
    special_tokens: Object.fromEntries(
      (['[CLS]', '[SEP]'] as const).map((token) => [
        token,
        { id: token, ids: [specials.indexOf(token)], tokens: [token] },
      ]),
    ),
  },
};

const names = { pad_token: '[PAD]', unk_token: '[UNK]', cls_token: '[CLS]', sep_token: '[SEP]', mask_token: '[MASK]' };

/** A BERT of two layers without a head. */
export const smallBert = (seed = 1): TrainableModel => ({
  reference: 'small-bert',
  config: { ...tinyBert, pad_token_id: 0 },
  tensors: randomBert(tinyBert, seed),
  tokenizer: { tokenizer: bertWords, config: names },
});

/** A Llama of two layers; [SEP] ends its texts. */
export const smallLlama = (seed = 1): TrainableModel => ({
  reference: 'small-llama',
  config: { ...tinyLlama, max_position_embeddings: 64, eos_token_id: 3 },
  tensors: randomLlama(tinyLlama, seed),
  tokenizer: {
    tokenizer: { ...words, post_processor: null },
    config: { ...names, eos_token: '[SEP]' },
    eosIds: [3],
  },
});

/** Texts of 3 to 8 words, each class with words of its own among words of all. */
export function topicRows(count: number, seed = 1): { text: string; label: string }[] {
  const uniform = seededUniform(seed);
  const below = (most: number) => Math.floor(uniform() * most);
  return Array.from({ length: count }, (_, index) => {
    const label = (['red', 'green', 'blue'] as const)[index % 3]!;
    const own = 20 * (index % 3);
    const text = Array.from({ length: 3 + below(6) }, () => `w${uniform() < 0.6 ? own + below(20) : 60 + below(20)}`);
    return { text: [`w${own + below(20)}`, ...text].join(' '), label };
  });
}

/** Texts of words that follow each other in a circle, from any place on: what is left out, or comes next, follows from the others. */
export function circleRows(count: number, { words = 12, seed = 1, circle = 40 } = {}): { text: string }[] {
  const uniform = seededUniform(seed);
  return Array.from({ length: count }, () => {
    const start = Math.floor(uniform() * circle);
    return { text: Array.from({ length: words }, (_, index) => `w${(start + index) % circle}`).join(' ') };
  });
}

/** Words with a tag each: names of two kinds, which begin with one of ten words and may go on with one of ten others, among other words. */
export function nameRows(count: number, seed = 1): { tokens: string[]; tags: string[] }[] {
  const uniform = seededUniform(seed);
  const below = (most: number) => Math.floor(uniform() * most);
  return Array.from({ length: count }, () => {
    const [tokens, tags]: [string[], string[]] = [[], []];
    for (let left = 6; left > 0; left--) {
      const kind = ['O', 'O', 'PER', 'LOC'][below(4)]!;
      const first = kind === 'PER' ? 0 : kind === 'LOC' ? 20 : 40;
      tokens.push(`w${first + below(10)}`);
      tags.push(kind === 'O' ? 'O' : `B-${kind}`);
      if (kind === 'O' || uniform() < 0.5) continue;
      tokens.push(`w${first + 10 + below(10)}`);
      tags.push(`I-${kind}`);
    }
    return { tokens, tags };
  });
}

/** Pairs that have two of 60 words in common and no other, with a third text of other words. */
export function pairRows(count: number, seed = 1): { anchor: string; positive: string; negative: string }[] {
  const uniform = seededUniform(seed);
  const word = (first: number, most: number) => `w${first + Math.floor(uniform() * most)}`;
  return Array.from({ length: count }, () => {
    const [one, other] = [word(0, 60), word(0, 60)];
    const noise = () => word(60, 25);
    return {
      anchor: [noise(), one, other, noise()].join(' '),
      positive: [one, noise(), noise(), other].join(' '),
      negative: [word(0, 60), noise(), noise(), word(0, 60)].join(' '),
    };
  });
}
