import { type Fields, fieldsOf, flagOf, listOf, stepsOf, textOf } from '../fields.ts';
import type { Sequence } from '../sequence.ts';
import { checkedId } from '../vocabularies/vocabulary.ts';

/** A part of what a model reads: one of the texts, or tokens that the post-processor adds. */
export type Part =
  | { readonly kind: 'text'; readonly index: 0 | 1; readonly typeId: number }
  | { readonly kind: 'special'; readonly ids: readonly number[]; readonly typeId: number };

export interface PostProcessor {
  /** What a text alone becomes, and what a pair does. */
  readonly single: readonly Part[];
  readonly pair: readonly Part[];
  /** Takes white space off the offsets, where the model's tokens carry it. */
  trim(sequence: Sequence, original: string, textOfId: (id: number) => string): void;
}

const first: Part = { kind: 'text', index: 0, typeId: 0 };
const second: Part = { kind: 'text', index: 1, typeId: 1 };
const plain: PostProcessor = { single: [first], pair: [first, second], trim: () => {} };

/** The post_processor of a tokenizer.json. */
export function postProcessorOf(config: unknown): PostProcessor {
  let made = plain;
  for (const step of stepsOf(config, 'processors', 'post-processor')) {
    const next = stepOf(step);
    if (next.single !== plain.single && made.single !== plain.single)
      throw new Error('its post-processor adds tokens twice, which is not known here');
    const before = made;
    made = {
      ...(next.single === plain.single ? before : next),
      trim: (...given) => {
        before.trim(...given);
        next.trim(...given);
      },
    };
  }
  return made;
}

function stepOf(config: Fields): PostProcessor {
  switch (config.type) {
    case 'BertProcessing': {
      const [start, end] = [special(config, 'cls', 0), special(config, 'sep', 0)];
      return {
        ...plain,
        single: [start, first, end],
        pair: [start, first, end, second, special(config, 'sep', 1)],
      };
    }
    case 'RobertaProcessing': {
      const [start, end] = [special(config, 'cls', 0), special(config, 'sep', 0)];
      const other: Part = { ...second, typeId: 0 };
      const trims = flagOf(config, 'trim_offsets', true);
      return {
        single: [start, first, end],
        pair: [start, first, end, end, other, end],
        trim: trims ? trimmer(flagOf(config, 'add_prefix_space', true)) : plain.trim,
      };
    }
    case 'ByteLevel':
      if (!flagOf(config, 'trim_offsets', true)) return plain;
      return { ...plain, trim: trimmer(flagOf(config, 'add_prefix_space', true)) };
    case 'TemplateProcessing':
      return { ...plain, single: template(config, 'single'), pair: template(config, 'pair') };
    default:
      throw new Error(`its post-processor is ${JSON.stringify(config.type)}, which is not known here`);
  }
}

/** `["[CLS]", 101]` */
function special(config: Fields, name: string, typeId: number): Part {
  const [content, id] = listOf(config, name, 2);
  return { kind: 'special', ids: [checkedId(id, String(content))], typeId };
}

const mostParts = 64;

function template(config: Fields, name: 'single' | 'pair'): readonly Part[] {
  const tokens = fieldsOf(config.special_tokens ?? {}, '"special_tokens" of TemplateProcessing');
  const parts = listOf(config, name, mostParts).map((piece): Part => {
    const given = fieldsOf(piece, 'a piece of TemplateProcessing');
    if (given.Sequence !== undefined) {
      const { id, type_id: typeId } = fieldsOf(given.Sequence, 'a Sequence of TemplateProcessing');
      if (id !== 'A' && id !== 'B')
        throw new Error(`TemplateProcessing names the text ${JSON.stringify(id)}; there are A and B`);
      return { kind: 'text', index: id === 'A' ? 0 : 1, typeId: checkedId(typeId ?? 0, id) };
    }
    const token = fieldsOf(given.SpecialToken, 'a SpecialToken of TemplateProcessing');
    const id = textOf(token, 'id');
    if (!Object.hasOwn(tokens, id)) throw new Error(`TemplateProcessing lacks the special token ${JSON.stringify(id)}`);
    const { ids } = fieldsOf(tokens[id], `the special token ${JSON.stringify(id)}`);
    if (!Array.isArray(ids) || ids.length > mostParts)
      throw new Error(`the special token ${JSON.stringify(id)} has no list of at most ${mostParts} ids`);
    return { kind: 'special', ids: ids.map((one) => checkedId(one, id)), typeId: checkedId(token.type_id ?? 0, id) };
  });
  if (name === 'single' && parts.some((part) => part.kind === 'text' && part.index === 1))
    throw new Error('TemplateProcessing asks for a second text where there is one');
  return parts;
}

const leading = /^[\u0120\p{White_Space}]+/u;
const trailing = /[\u0120\p{White_Space}]+$/u;

/**
 * `process_offsets` of the Python library's byte level: a space that it put before the text itself is left alone. It counts
 * characters, and so does this.
 */
function trimmer(prefixes: boolean): PostProcessor['trim'] {
  return ({ ids, offsets, texts }, original, textOfId) => {
    offsets.forEach((range, i) => {
      const text = texts.get(i) ?? textOfId(ids[i]!);
      const before = leading.exec(text)?.[0].length ?? 0;
      const after = trailing.exec(text)?.[0].length ?? 0;
      const isOurs = prefixes && before === 1 && (i === 0 || range[0] === 0);
      if (before > 0 && !isOurs) range[0] = moved(original, range[0], before, range[1]);
      if (after > 0 && charactersBefore(original, range[1], after))
        range[1] = movedBack(original, range[1], after, range[0]);
    });
  };
}

const isPair = (text: string, at: number): boolean => (text.codePointAt(at) ?? 0) > 0xffff;

/** So many characters further, at most to `most`. */
function moved(text: string, from: number, characters: number, most: number): number {
  let at = from;
  for (let i = 0; i < characters && at < most; i++) at += isPair(text, at) ? 2 : 1;
  return Math.min(at, most);
}

/** So many characters back, at least to `least`. */
function movedBack(text: string, from: number, characters: number, least: number): number {
  let at = from;
  for (let i = 0; i < characters && at > least; i++) at -= at > 1 && isPair(text, at - 2) ? 2 : 1;
  return Math.max(at, least);
}

const charactersBefore = (text: string, at: number, wanted: number): boolean =>
  Array.from(text.slice(Math.max(0, at - 2 * wanted), at)).length >= wanted;
