/** Reading the parts of a tokenizer.json: each with its kind and the sentence for what is not as it should be. */
export type Fields = Record<string, unknown>;

export const isFields = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** What an error shows of a value. */
const shown = (value: unknown): string => (JSON.stringify(value) ?? String(value)).slice(0, 60);

export function fieldsOf(value: unknown, what: string): Fields {
  if (isFields(value)) return value;
  throw new Error(`${what} is ${shown(value)}; it must be an object`);
}

export function textOf(fields: Fields, name: string, otherwise?: string): string {
  const value = fields[name] ?? otherwise;
  if (typeof value === 'string') return value;
  throw new Error(`"${name}" of ${kindOf(fields)} is ${shown(value)}; it must be a text`);
}

export function optionalText(fields: Fields, name: string): string | undefined {
  return fields[name] === undefined || fields[name] === null ? undefined : textOf(fields, name);
}

export function flagOf(fields: Fields, name: string, otherwise: boolean): boolean {
  const value = fields[name] ?? otherwise;
  if (typeof value === 'boolean') return value;
  throw new Error(`"${name}" of ${kindOf(fields)} is ${shown(value)}; it must be true or false`);
}

export function numberOf(fields: Fields, name: string, least: number, most: number, otherwise?: number): number {
  const value = fields[name] ?? otherwise;
  if (typeof value === 'number' && Number.isInteger(value) && value >= least && value <= most) return value;
  throw new Error(
    `"${name}" of ${kindOf(fields)} is ${shown(value)}; it must be a whole number from ${least} to ${most}`,
  );
}

export function listOf(fields: Fields, name: string, most = 1_000): unknown[] {
  const value = fields[name];
  if (Array.isArray(value) && value.length <= most) return value;
  const got = Array.isArray(value) ? `a list of ${value.length}` : shown(value);
  throw new Error(`"${name}" of ${kindOf(fields)} is ${got}; it must be a list of at most ${most}`);
}

export const kindOf = (fields: Fields): string => (typeof fields.type === 'string' ? fields.type : 'the tokenizer');

/** Sequences of steps inside one another, at most. */
export const deepest = 16;

/** The steps of a part that may be null, one step or a Sequence of them (its list under `name`), in order. */
export function stepsOf(value: unknown, name: string, what: string, depth = 0): Fields[] {
  if (value === null || value === undefined) return [];
  const fields = fieldsOf(value, what);
  if (fields.type !== 'Sequence') return [fields];
  if (depth >= deepest) throw new Error(`its ${what} is nested more than ${deepest} deep`);
  const steps = listOf(fields, name).flatMap((step) => stepsOf(step, name, what, depth + 1));
  if (steps.length > 1_000) throw new Error(`its ${what} has more than 1000 steps`);
  return steps;
}
