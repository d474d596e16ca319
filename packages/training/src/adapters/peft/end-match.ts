import { FormatError, regexConstraint, type TokenVocabulary } from '@working-papers/models';

/** Expressions with choices or repetitions, at most: each takes a while, and nobody needs many. */
const mostExpressions = 100;

/** Values by module, from the keys of an adapter's patterns; the first that matches counts. Throws a sentence for what is not regular. */
export function valuesByModule(
  patterns: readonly (readonly [key: string, value: number])[],
): (module: string) => number | undefined {
  const hard = patterns.filter(([key]) => !isPlain(key)).length;
  if (hard > mostExpressions)
    throw new FormatError(
      `The adapter has ${hard} patterns that are expressions; at most ${mostExpressions} are read.`,
    );
  const matchers = patterns.map(([key, value]) => ({ matches: endMatcher(key), value }));
  return (module) => matchers.find(({ matches }) => matches(module))?.value;
}

/** A name, dots and classes of characters: nothing that could be tried in several ways. */
const isPlain = (key: string): boolean => /^\^?[\w.\\-]*\$?$/.test(key);

/**
 * Whether a key of peft's patterns matches a module: its whole name, or what comes behind a dot of it. In time that grows with the length of the
 * name alone, since the patterns of a file may be made to take JavaScript's own expressions for ever.
 */
export function endMatcher(key: string): (module: string) => boolean {
  const inner = key.replace(/^\^/, '').replace(/\$$/, '');
  const whole = key.startsWith('^') ? `(?:${inner})` : `(?:.*\\.)?(?:${inner})`;
  if (!isPlain(key)) return automaton(whole);
  const expression = new RegExp(`^${whole}$`);
  return (module) => expression.test(module);
}

/** Every byte is a token. */
const bytes: TokenVocabulary = { size: 256, bytesOf: (byte) => Uint8Array.of(byte) };

function automaton(pattern: string): (text: string) => boolean {
  const start = regexConstraint(pattern).begin(bytes);
  return (text) => {
    let state = start;
    for (const byte of new TextEncoder().encode(text)) {
      if (!((state.allowed[byte >> 5]! >>> (byte & 31)) & 1)) return false;
      state = state.after(byte);
    }
    return state.complete;
  };
}
