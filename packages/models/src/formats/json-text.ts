import { FormatError } from './format-error.ts';

/** Lists and objects inside one another that are read; what goes through a value may then call itself for each. */
const deepest = 256;

/** How deep a JSON text goes, and the keys written in its outermost object, repeated ones counted each time. */
export interface JsonShape {
  depth: number;
  outermostKeys: number;
}

/** Goes through a text that is JSON; of any other text the answer means nothing. */
export function jsonShape(text: string): JsonShape {
  let depth = 0;
  let most = 0;
  let outermostKeys = 0;
  for (let i = 0; i < text.length; i++) {
    const c = text[i];
    if (c === '"') {
      for (i++; i < text.length && text[i] !== '"'; i++) if (text[i] === '\\') i++;
    } else if (c === '{' || c === '[') most = Math.max(most, ++depth);
    else if (c === '}' || c === ']') depth--;
    else if (c === ':' && depth === 1) outermostKeys++;
  }
  return { depth: most, outermostKeys };
}

/** The value of a JSON text and its shape; throws a sentence that begins with `name` where it is none, or goes too deep. */
export function parseJson(text: string, name: string): { value: unknown; shape: JsonShape } {
  const shape = jsonShape(text);
  if (shape.depth > deepest) {
    throw new FormatError(
      `${name} has lists or objects ${shape.depth} deep inside one another; at most ${deepest} are read.`,
    );
  }
  try {
    return { value: JSON.parse(text), shape };
  } catch (error) {
    throw new FormatError(`${name} is not JSON (${(error as Error).message}).`);
  }
}
