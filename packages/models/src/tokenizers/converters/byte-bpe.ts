import type { Fields } from '../fields.ts';
import { patterns } from '../steps/known-patterns.ts';
import { addedToken } from './parts.ts';

export interface ByteBpeFiles {
  /** The parsed vocab.json: ids by token. */
  vocab: Fields;
  /** The text of merges.txt: a pair a line, the first line may say a version. */
  merges: string;
}

/** What a family makes of a byte-level BPE: how it cuts and what it adds. */
export type ByteBpeFamily = 'gpt2' | 'roberta' | 'clip';

/** The tokenizer.json of vocab.json and merges.txt, as transformers' tokenizer of the family makes it. */
export function tokenizerOfByteBpe(files: ByteBpeFiles, family: ByteBpeFamily, config: Fields): Fields {
  const prefixes = config.add_prefix_space === true;
  const idOf = (token: string) => {
    const id = files.vocab[token];
    if (typeof id === 'number') return id;
    throw new Error(`its vocabulary lacks the token ${JSON.stringify(token)}, which a ${family} tokenizer needs`);
  };
  const token = (name: string, otherwise: string) => {
    const value = config[`${name}_token`];
    const content = typeof value === 'object' && value !== null ? (value as Fields).content : value;
    return typeof content === 'string' ? content : otherwise;
  };
  const first = token(family === 'clip' ? 'bos' : 'cls', family === 'clip' ? '<|startoftext|>' : '<s>');
  const last = token(family === 'clip' ? 'eos' : 'sep', family === 'clip' ? '<|endoftext|>' : '</s>');
  const processor = () => ({
    type: 'RobertaProcessing',
    sep: [last, idOf(last)],
    cls: [first, idOf(first)],
    trim_offsets: family === 'roberta' && config.trim_offsets !== false,
    add_prefix_space: prefixes,
  });
  const byteLevel = (cuts: boolean) => ({
    type: 'ByteLevel',
    add_prefix_space: prefixes,
    trim_offsets: true,
    use_regex: cuts,
  });
  return {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: specialNames[family]
      .map(([name, otherwise]) => token(name, otherwise))
      .filter((content, i, all) => Object.hasOwn(files.vocab, content) && all.indexOf(content) === i)
      .map((content) => addedToken(idOf(content), content, true, content === '<mask>' ? { lstrip: true } : {})),
    normalizer:
      family === 'clip'
        ? {
            type: 'Sequence',
            normalizers: [
              { type: 'NFC' },
              { type: 'Replace', pattern: { Regex: patterns.spacesAnywhere }, content: ' ' },
              { type: 'Lowercase' },
            ],
          }
        : null,
    pre_tokenizer:
      family === 'clip'
        ? {
            type: 'Sequence',
            pretokenizers: [
              { type: 'Split', pattern: { Regex: patterns.clip }, behavior: 'Removed', invert: true },
              byteLevel(false),
            ],
          }
        : byteLevel(true),
    post_processor: family === 'gpt2' ? byteLevel(true) : processor(),
    decoder: byteLevel(true),
    model: {
      type: 'BPE',
      unk_token: family === 'clip' ? token('unk', '<|endoftext|>') : null,
      end_of_word_suffix: family === 'clip' ? '</w>' : null,
      vocab: files.vocab,
      merges: mergesOf(files.merges),
    },
  };
}

const specialNames: Record<ByteBpeFamily, readonly (readonly [name: string, otherwise: string])[]> = {
  gpt2: [
    ['bos', '<|endoftext|>'],
    ['eos', '<|endoftext|>'],
    ['unk', '<|endoftext|>'],
    ['pad', '<|endoftext|>'],
  ],
  roberta: [
    ['bos', '<s>'],
    ['pad', '<pad>'],
    ['eos', '</s>'],
    ['unk', '<unk>'],
    ['mask', '<mask>'],
  ],
  clip: [
    ['bos', '<|startoftext|>'],
    ['eos', '<|endoftext|>'],
    ['pad', '<|endoftext|>'],
    ['unk', '<|endoftext|>'],
  ],
};

function mergesOf(text: string): [string, string][] {
  return text
    .split(/\r?\n/)
    .filter((line, i) => line !== '' && !(i === 0 && line.startsWith('#version')))
    .map((line) => {
      const [left, right, more] = line.split(' ');
      if (left === undefined || right === undefined || more !== undefined)
        throw new Error(`merges.txt has the line ${JSON.stringify(line.slice(0, 80))}, which is no pair of tokens`);
      return [left, right];
    });
}
