import type { AlignedText } from '../aligned-text.ts';
import { byteCharacters } from '../byte-level.ts';
import { type Fields, flagOf, numberOf, stepsOf, textOf } from '../fields.ts';
import { punctuation } from './characters.ts';
import { patterns } from './known-patterns.ts';
import { expressionOf, patternOf, type Spans, spansOf } from './pattern.ts';

/** What becomes of the matches that a text is cut at. */
type Behaviour = 'removed' | 'isolated' | 'merged_with_previous' | 'merged_with_next' | 'contiguous';

export type Cutter = (text: AlignedText) => AlignedText[];

/** The pre-tokenizer of a tokenizer.json: a text to the pieces that the model sees one by one. */
export function preTokenizerOf(config: unknown): Cutter {
  const steps = stepsOf(config, 'pretokenizers', 'pre-tokenizer').map(stepOf);
  return (text) => steps.reduce((pieces, step) => pieces.flatMap(step), [text]).filter((piece) => piece.text !== '');
}

/** Whether a step asks where a piece begins in the original, which only a tracked text knows. */
export const asksForPlace = (config: unknown): boolean =>
  stepsOf(config, 'pretokenizers', 'pre-tokenizer').some(
    (step) => step.type === 'Metaspace' && step.prepend_scheme === 'first',
  );

function stepOf(config: Fields): Cutter {
  switch (config.type) {
    case 'BertPreTokenizer': {
      const marks = cutBy(punctuation, 'isolated');
      const spaces = cutBy(whiteSpace, 'removed');
      return (text) => spaces(text).flatMap(marks);
    }
    case 'ByteLevel':
      return byteLevel(config);
    case 'Metaspace':
      return metaspace(config);
    case 'Whitespace':
      return cutBy(rustWords, 'removed', true);
    case 'WhitespaceSplit':
      return cutBy(whiteSpace, 'removed');
    case 'Punctuation':
      return cutBy(punctuation, behaviourOf(config, 'isolated'));
    case 'Digits':
      return flagOf(config, 'individual_digits', false) ? cutBy(number, 'isolated') : cutBy(number, 'contiguous');
    case 'Split': {
      const find = patternOf(config.pattern);
      const behaviour = behaviourOf(config);
      const inverted = flagOf(config, 'invert', false);
      return (text) => cut(text, find(text.text), behaviour, inverted);
    }
    case 'CharDelimiterSplit': {
      const find = patternOf({ String: textOf(config, 'delimiter') });
      return (text) => cut(text, find(text.text), 'removed', false);
    }
    case 'FixedLength': {
      const length = numberOf(config, 'length', 1, 1_000_000, 5);
      return (text) => pieces(text, fixedBorders(text.text, length));
    }
    default:
      throw new Error(`its pre-tokenizer has a step ${JSON.stringify(config.type)}, which is not known here`);
  }
}

const whiteSpace = /\p{White_Space}/gu;
const number = /\p{N}/gu;
/** `\w+|[^\w\s]+` of Rust's regex crate. */
const wordUnits = '\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}\\p{Join_Control}';
const rustWords = new RegExp(`[${wordUnits}]+|[^${wordUnits}\\p{White_Space}]+`, 'gu');

function cutBy(expression: RegExp, behaviour: Behaviour, inverted = false): Cutter {
  return (text) => cut(text, spansOf(text.text, expression), behaviour, inverted);
}

function behaviourOf(config: Fields, otherwise?: Behaviour): Behaviour {
  const given = textOf(config, 'behavior', otherwise);
  const behaviour = given.replace(/(?<=[a-z])(?=[A-Z])/g, '_').toLowerCase();
  switch (behaviour) {
    case 'removed':
    case 'isolated':
    case 'merged_with_previous':
    case 'merged_with_next':
    case 'contiguous':
      return behaviour;
    default:
      throw new Error(`"behavior" of ${config.type} is ${JSON.stringify(given)}, which is not known here`);
  }
}

let gpt2: RegExp | undefined;

function byteLevel(config: Fields): Cutter {
  const prefixes = flagOf(config, 'add_prefix_space', true);
  const cuts = flagOf(config, 'use_regex', true);
  gpt2 ??= expressionOf(patterns.gpt2);
  const words = cutBy(gpt2, 'isolated');
  return (given) => {
    const text = prefixes && !given.text.startsWith(' ') ? given.prepend(' ') : given;
    return (cuts ? words(text) : [text]).map(byteCharacters);
  };
}

function metaspace(config: Fields): Cutter {
  const replacement = textOf(config, 'replacement', '▁');
  const scheme = textOf(config, 'prepend_scheme', 'always');
  const splits = flagOf(config, 'split', true);
  const prefixes = flagOf(config, 'add_prefix_space', true);
  const space = / /g;
  const find = patternOf({ String: replacement });
  return (given) => {
    let text = given.rewrite(space, () => replacement);
    const wanted = scheme === 'always' || (scheme === 'first' && text.origin === 0);
    if (wanted && prefixes && !text.text.startsWith(replacement)) text = text.prepend(replacement);
    return splits ? cut(text, find(text.text), 'merged_with_next', false) : [text];
  };
}

/** A text cut at spans, with what stands between them; `inverted`: what stands between is the match. */
function cut(text: AlignedText, spans: Spans, behaviour: Behaviour, inverted: boolean): AlignedText[] {
  const borders: [start: number, end: number][] = [];
  let last = false;
  const take = (start: number, end: number, matches: boolean) => {
    const joins =
      borders.length > 0 &&
      (behaviour === 'contiguous'
        ? matches === last
        : behaviour === 'merged_with_previous'
          ? matches && !last
          : behaviour === 'merged_with_next' && last && !matches);
    if (joins) borders.at(-1)![1] = end;
    else if (behaviour !== 'removed' || !matches) borders.push([start, end]);
    last = matches;
  };
  let before = 0;
  for (const [start, end] of spans) {
    if (start > before) take(before, start, inverted);
    take(start, end, !inverted);
    before = end;
  }
  if (before < text.text.length) take(before, text.text.length, inverted);
  return pieces(text, borders);
}

function pieces(text: AlignedText, spans: Spans): AlignedText[] {
  const made: AlignedText[] = [];
  for (const [start, end] of spans) if (end > start) made.push(text.slice(start, end));
  return made;
}

function fixedBorders(text: string, length: number): Spans {
  const borders: [number, number][] = [];
  let start = 0;
  let end = 0;
  let count = 0;
  for (const character of text) {
    end += character.length;
    if (++count % length === 0) {
      borders.push([start, end]);
      start = end;
    }
  }
  if (start < end) borders.push([start, end]);
  return borders;
}
