import { type AST, RegExpParser } from '@eslint-community/regexpp';
import { complement, everyCharacter, intersection, normalised, type Ranges, type Writing } from './characters.ts';
import type { Machine } from './machine.ts';

/** Most states of one pattern, its repetitions written out. */
const mostStates = 20_000;

/** A regular expression as an automaton over characters: from each state over a character of a set, or over nothing. */
export interface Pattern {
  edges: { characters?: Ranges; to: number }[][];
  start: number;
  end: number;
}

/**
 * A regular expression of ECMAScript (flag `u`). `search`: it may be found anywhere in the text, as JSON Schema's `pattern` has it;
 * otherwise the whole text must match. What is not regular (look-around, back-references, word boundaries) is refused with a sentence.
 */
export function parsePattern(source: string, { search }: { search: boolean }): Pattern {
  let tree: AST.Pattern;
  try {
    tree = new RegExpParser().parsePattern(source, 0, source.length, { unicode: true });
  } catch (error) {
    throw new Error(`The pattern ${JSON.stringify(source)} is no regular expression: ${(error as Error).message}.`);
  }
  const edges: Pattern['edges'] = [];
  const state = (): number => {
    if (edges.length >= mostStates) {
      throw new Error(
        `The pattern ${JSON.stringify(source)} takes more than ${mostStates} states; ask for fewer repetitions.`,
      );
    }
    return edges.push([]) - 1;
  };
  const over = (from: number, characters: Ranges, to: number): void => {
    edges[from]!.push({ characters, to });
  };
  const empty = (from: number, to: number): void => {
    edges[from]!.push({ to });
  };
  const refusal = (node: AST.Node): Error =>
    new Error(
      `The pattern ${JSON.stringify(source)} has ${JSON.stringify(node.raw)}, which constraints do not support.`,
    );

  const element = (node: AST.Element, from: number, to: number): void => {
    switch (node.type) {
      case 'Character':
        over(from, normalised([[node.value, node.value]]), to);
        break;
      case 'CharacterSet':
      case 'CharacterClass': {
        const characters = charactersOf(node);
        if (!characters) throw refusal(node);
        over(from, characters, to);
        break;
      }
      case 'Group':
        if (node.modifiers) throw refusal(node);
        alternatives(node.alternatives, from, to);
        break;
      case 'CapturingGroup':
        alternatives(node.alternatives, from, to);
        break;
      case 'Quantifier':
        quantifier(node, from, to);
        break;
      default:
        throw refusal(node);
    }
  };
  const sequence = (elements: readonly AST.Element[], from: number, to: number): void => {
    let at = from;
    for (const one of elements) {
      const next = state();
      element(one, at, next);
      at = next;
    }
    empty(at, to);
  };
  const alternatives = (nodes: readonly AST.Alternative[], from: number, to: number) => {
    for (const { elements } of nodes) sequence(elements, from, to);
  };
  const quantifier = ({ min, max, element: inner }: AST.Quantifier, from: number, to: number): void => {
    let at = state();
    empty(from, at);
    for (let count = 0; count < (max === Number.POSITIVE_INFINITY ? min : max); count++) {
      if (count >= min) empty(at, to);
      const next = state();
      element(inner as AST.Element, at, next);
      at = next;
    }
    if (max === Number.POSITIVE_INFINITY) {
      const again = state();
      element(inner as AST.Element, at, again);
      empty(again, at);
    }
    empty(at, to);
  };

  const [start, end] = [state(), state()];
  for (const { elements } of tree.alternatives) {
    const inner = [...elements];
    const isEdge = (node: AST.Element | undefined, kind: 'start' | 'end') =>
      node?.type === 'Assertion' && node.kind === kind;
    const atStart = isEdge(inner[0], 'start') && inner.shift() !== undefined;
    const atEnd = isEdge(inner.at(-1), 'end') && inner.pop() !== undefined;
    const [first, last] = [state(), state()];
    if (search && !atStart) over(first, everyCharacter, first);
    if (search && !atEnd) over(last, everyCharacter, last);
    empty(start, first);
    sequence(inner, first, last);
    empty(last, end);
  }
  return { edges, start, end };
}

/** Puts the texts of a pattern, of `min` to `max` characters, between two states. */
export function writePattern(
  machine: Machine,
  writing: Writing,
  pattern: Pattern,
  from: number,
  to: number,
  { min = 0, max }: { min?: number; max?: number } = {},
): void {
  // Beyond `min` and without a `max` the count matters no more.
  const most = max ?? min;
  const states = new Map<number, number>();
  const waiting: [state: number, count: number][] = [];
  const at = (state: number, count: number): number => {
    const key = state * (most + 1) + count;
    let made = states.get(key);
    if (made === undefined) {
      made = machine.state();
      states.set(key, made);
      waiting.push([state, count]);
    }
    return made;
  };
  machine.empty(from, at(pattern.start, 0));
  while (waiting.length > 0) {
    const [state, count] = waiting.pop()!;
    const here = at(state, count);
    if (state === pattern.end && count >= min) machine.empty(here, to);
    for (const edge of pattern.edges[state]!) {
      if (!edge.characters) machine.empty(here, at(edge.to, count));
      else if (edge.characters.length > 0 && (count < most || max === undefined)) {
        machine.call(here, writing.character(edge.characters), at(edge.to, Math.min(count + 1, most)));
      }
    }
  }
}

const digits: Ranges = [[0x30, 0x39]];
const word: Ranges = [...digits, [0x41, 0x5a], [0x5f, 0x5f], [0x61, 0x7a]];
const lineEnds: Ranges = [
  [0x0a, 0x0a],
  [0x0d, 0x0d],
  [0x2028, 0x2029],
];

function charactersOf(node: AST.CharacterSet | AST.CharacterClass | AST.CharacterClassElement): Ranges | undefined {
  const sign = (ranges: Ranges | undefined, negate: boolean) =>
    ranges && (negate ? complement(ranges) : normalised(ranges));
  switch (node.type) {
    case 'Character':
      return normalised([[node.value, node.value]]);
    case 'CharacterClassRange':
      return normalised([[node.min.value, node.max.value]]);
    case 'CharacterClass': {
      const parts = node.elements.map(charactersOf);
      return parts.includes(undefined)
        ? undefined
        : sign(
            parts.flatMap((part) => part!),
            node.negate,
          );
    }
    case 'CharacterSet':
      if (node.kind === 'any') return complement(lineEnds);
      if (node.kind === 'digit') return sign(digits, node.negate);
      if (node.kind === 'word') return sign(word, node.negate);
      if (node.kind === 'space') return scanned(node.raw);
      return 'strings' in node && node.strings ? undefined : scanned(node.raw);
    default:
      return undefined;
  }
}

const scans = new Map<string, Ranges>();

/** The characters of `\s` or `\p{...}`, asked of the engine one by one. */
function scanned(raw: string): Ranges {
  const known = scans.get(raw);
  if (known) return known;
  const test = new RegExp(`^${raw}$`, 'u');
  const ranges: [number, number][] = [];
  for (const [low, high] of everyCharacter) {
    for (let code = low; code <= high; code++) {
      if (!test.test(String.fromCodePoint(code))) continue;
      const last = ranges.at(-1);
      if (last && last[1] === code - 1) last[1] = code;
      else ranges.push([code, code]);
    }
  }
  const found = intersection(ranges, everyCharacter);
  scans.set(raw, found);
  return found;
}
