import type { TokenConstraint } from '../types.ts';
import { plainWriting } from './characters.ts';
import { grammarConstraint } from './constraint.ts';
import { Grammar } from './grammar.ts';
import { jsonSchemaMachine } from './json-schema.ts';
import { Machine } from './machine.ts';
import { parsePattern, writePattern } from './pattern.ts';

export { tokenSequencesConstraint } from './token-sequences.ts';

/**
 * Text that parses as JSON and validates under a schema; see `jsonSchemaMachine` for what of JSON Schema is supported. Arrays and
 * objects lie at most `nesting` (default 32) deep within each other. Throws a sentence that names what it does not support.
 */
export function jsonSchemaConstraint(schema: unknown, { nesting }: { nesting?: number } = {}): TokenConstraint {
  const { machine, root } = jsonSchemaMachine(schema);
  return grammarConstraint(new Grammar(machine, root, nesting));
}

/** Text that as a whole matches a regular expression of ECMAScript; what is not regular in it is refused with a sentence. */
export function regexConstraint(pattern: string): TokenConstraint {
  const machine = new Machine();
  const root = machine.rule();
  writePattern(machine, plainWriting(machine), parsePattern(pattern, { search: false }), root.start, root.end);
  return grammarConstraint(new Grammar(machine, root));
}

/** One of the given texts, in any tokens. */
export function choicesConstraint(texts: readonly string[]): TokenConstraint {
  if (texts.length === 0 || texts.includes(''))
    throw new Error('Choices must be at least one text, none of them empty.');
  const machine = new Machine();
  const root = machine.rule();
  for (const text of texts) machine.text(root.start, text, root.end);
  return grammarConstraint(new Grammar(machine, root));
}
