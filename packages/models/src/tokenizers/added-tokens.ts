import { AlignedText } from './aligned-text.ts';
import { type Fields, fieldsOf, flagOf, listOf, numberOf, textOf } from './fields.ts';
import type { Step } from './steps/normaliser.ts';
import { Trie } from './trie.ts';
import { mostId } from './vocabularies/index.ts';

/** A token that is found in a text as it stands, before the model sees the rest. */
export interface AddedToken {
  readonly id: number;
  readonly content: string;
  /** Not shown when special tokens are skipped. */
  readonly special: boolean;
  /** Found only where no letter or digit stands beside it. */
  readonly singleWord: boolean;
  /** Takes the white space before it, after it. */
  readonly stripsLeft: boolean;
  readonly stripsRight: boolean;
  /** Looked for in the normalised text. */
  readonly normalised: boolean;
}

export function addedTokensOf(tokenizer: Fields): AddedToken[] {
  const tokens =
    (tokenizer.added_tokens ?? undefined) === undefined ? [] : listOf(tokenizer, 'added_tokens', 1_000_000);
  return tokens
    .map((token) => fieldsOf(token, 'an added token'))
    .map((token) => {
      const special = flagOf(token, 'special', false);
      return {
        id: numberOf(token, 'id', 0, mostId - 1),
        content: textOf(token, 'content').toWellFormed(),
        special,
        singleWord: flagOf(token, 'single_word', false),
        stripsLeft: flagOf(token, 'lstrip', false),
        stripsRight: flagOf(token, 'rstrip', false),
        normalised: flagOf(token, 'normalized', !special),
      };
    })
    .filter((token) => token.content !== '');
}

/** A piece of a text: one that the model is to part, or a token that was found in it. */
export interface Section {
  readonly text: AlignedText;
  readonly token?: AddedToken;
}

/** Cuts a text at the added tokens: first the text as it is, then, normalised, what lies between. */
export function addedTokenCutter(tokens: readonly AddedToken[], normalise: Step): (text: AlignedText) => Section[] {
  const asIs = finder(tokens.filter((token) => !token.normalised).map((token) => [token.content, token]));
  const normalised = finder(
    tokens
      .filter((token) => token.normalised)
      .map((token) => [normalise(AlignedText.of(token.content, false)).text, token]),
  );
  return (text) =>
    asIs(text)
      .flatMap((section) => (section.token ? [section] : normalised(normalise(section.text))))
      .filter(({ text: { text: piece } }) => piece !== '');
}

type Finder = (text: AlignedText) => Section[];

function finder(entries: readonly (readonly [string, AddedToken])[]): Finder {
  const wanted = entries.filter(([text]) => text !== '');
  if (wanted.length === 0) return (text) => [{ text }];
  const trie = new Trie();
  for (const [i, [text]] of wanted.entries()) trie.add(text, i);
  const firsts = new Set(wanted.map(([text]) => text.charCodeAt(0)));
  const first = new RegExp(`[${[...firsts].map((unit) => `\\u${unit.toString(16).padStart(4, '0')}`).join('')}]`, 'g');
  return (text) => {
    const all = text.text;
    const sections: Section[] = [];
    let before = 0;
    first.lastIndex = 0;
    for (let match = first.exec(all); match; match = first.exec(all)) {
      const found = trie.longest(all, match.index);
      if (!found) continue;
      first.lastIndex = found.end;
      const token = wanted[found.value]![1];
      if (token.singleWord && (isWordBefore(all, match.index) || isWordAt(all, found.end))) continue;
      const start = token.stripsLeft ? spacesBefore(all, match.index, before) : match.index;
      const end = token.stripsRight ? spacesAfter(all, found.end) : found.end;
      if (start > before) sections.push({ text: text.slice(before, start) });
      sections.push({ text: text.slice(start, end), token });
      before = end;
    }
    if (before < all.length || all === '') sections.push({ text: text.slice(before, all.length) });
    return sections;
  };
}

const word = /^[\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\p{Join_Control}]$/u;
const space = /^\p{White_Space}$/u;

const isWordAt = (text: string, at: number): boolean =>
  at < text.length && word.test(String.fromCodePoint(text.codePointAt(at)!));

function isWordBefore(text: string, at: number): boolean {
  if (at === 0) return false;
  const isPair = at > 1 && text.codePointAt(at - 2)! > 0xffff;
  return word.test(text.slice(isPair ? at - 2 : at - 1, at));
}

function spacesBefore(text: string, at: number, least: number): number {
  let start = at;
  while (start > least && space.test(text[start - 1]!)) start--;
  return start;
}

function spacesAfter(text: string, at: number): number {
  let end = at;
  while (end < text.length && space.test(text[end]!)) end++;
  return end;
}
