/** Fields of an adapter_config.json, each checked. */
import { FormatError } from '@working-papers/models';
import { shown } from '../../shown.ts';

export type Fields = Readonly<Record<string, unknown>>;

/** Whether a field says something: neither absent nor null, false, 0, empty. */
export function isSet(value: unknown): boolean {
  if (typeof value === 'object' && value !== null) return Object.keys(value).length > 0;
  return Boolean(value);
}

/** A whole number of at least 1. */
export function countField(fields: Fields, name: string): number {
  const value = fields[name];
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 1) return value;
  throw new FormatError(`${name} in adapter_config.json must be a whole number of at least 1; it is ${shown(value)}.`);
}

export function numberField(fields: Fields, name: string, otherwise: number): number {
  const value = fields[name] ?? otherwise;
  if (typeof value === 'number' && Number.isFinite(value)) return value;
  throw new FormatError(`${name} in adapter_config.json must be a number; it is ${shown(value)}.`);
}

export function textField(fields: Fields, name: string): string | undefined {
  const value = fields[name] ?? undefined;
  if (value === undefined || typeof value === 'string') return value;
  throw new FormatError(`${name} in adapter_config.json must be a text; it is ${shown(value)}.`);
}

/** A list of texts; nothing is an empty one. */
export function textsField(fields: Fields, name: string): string[] {
  const value = fields[name] ?? [];
  if (Array.isArray(value) && value.every((item) => typeof item === 'string')) return value;
  throw new FormatError(`${name} in adapter_config.json must be a list of texts; it is ${shown(value)}.`);
}

/** A list of texts, or one text. */
export function patternField(fields: Fields, name: string): string | string[] {
  return typeof fields[name] === 'string' ? fields[name] : textsField(fields, name);
}

/** Numbers by name. */
export function numbersField(fields: Fields, name: string): [key: string, value: number][] {
  const value = fields[name] ?? {};
  const entries = typeof value === 'object' && !Array.isArray(value) ? Object.entries(value) : undefined;
  if (entries?.every((entry): entry is [string, number] => Number.isFinite(entry[1]))) return entries;
  throw new FormatError(`${name} in adapter_config.json must be an object of numbers; it is ${shown(value)}.`);
}
