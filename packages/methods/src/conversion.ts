/** Strings from flags and forms become values by JSON type; values from a JSON body pass unchanged. */
import type { Field, FieldType } from './parameters.ts';

/** Parameters as they arrive: strings (lists of them when repeated) from flags and forms, values from JSON. */
export type Raw = Record<string, unknown>;

type Conversion = { value: unknown } | { message: string };

const truths: Record<string, boolean> = {
  true: true,
  on: true,
  yes: true,
  '1': true,
  false: false,
  off: false,
  no: false,
  '0': false,
};

/** The value of `entry` for `field`, `undefined` when nothing was given, or a sentence that says what is wrong. */
export function conversionOf(field: Field, entry: unknown): Conversion {
  if (field.type !== 'array') {
    const entries = (Array.isArray(entry) ? entry : [entry]).filter((item) => !isAbsent(item));
    if (entries.length === 0) return { value: undefined };
    if (entries.length > 1) return { message: `${field.name} was given ${entries.length} times; it takes one value.` };
    return convert(field.name, field.type, entries[0]);
  }
  if (isAbsent(entry)) return { value: undefined };
  const items: unknown[] = [];
  const entries = Array.isArray(entry) ? entry : [entry];
  for (const item of entries) {
    if (isAbsent(item)) continue;
    const converted = convert(field.name, field.itemType ?? 'string', item);
    if ('message' in converted) return converted;
    items.push(converted.value);
  }
  // A JSON body may say "no entries"; a form that sends empty rows says nothing.
  return { value: items.length === 0 && entries.length > 0 ? undefined : items };
}

const isAbsent = (entry: unknown): boolean => entry === undefined || entry === null || entry === '';

function convert(name: string, type: FieldType, entry: unknown): Conversion {
  if (typeof entry !== 'string') return { value: entry };
  if (type === 'string') return { value: entry };
  const text = entry.trim();
  if (text === '') return { value: undefined };
  if (type === 'number' || type === 'integer') {
    const value = Number(text);
    if (!Number.isFinite(value)) return { message: `${name} must be a number; got '${entry.slice(0, 80)}'.` };
    if (type === 'integer' && !Number.isInteger(value))
      return { message: `${name} must be a whole number; got '${entry.slice(0, 80)}'.` };
    return { value };
  }
  if (type === 'boolean') {
    const value = truths[text.toLowerCase()];
    return value === undefined ? { message: `${name} must be true or false; got '${entry.slice(0, 80)}'.` } : { value };
  }
  try {
    return { value: JSON.parse(text) };
  } catch {
    return { message: `${name} must be JSON; got '${entry.slice(0, 80)}'.` };
  }
}
