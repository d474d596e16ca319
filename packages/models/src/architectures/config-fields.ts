import { showValue } from '../formats/element-types.ts';
import type { ModelConfig } from '../formats/types.ts';

/** A whole number from 1 to `most` of a configuration, `otherwise` where it has none; throws a sentence for anything else. */
export function wholeField(config: ModelConfig, field: string, otherwise?: number, most = 2 ** 20): number {
  const value = config[field] ?? otherwise;
  if (typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= most) return value;
  throw new Error(`${field} must be a whole number from 1 to ${most}; got ${showValue(value)}.`);
}

/** Features of a head; throws a sentence where the heads do not divide the width. */
export function headWidth(hidden: number, heads: number): number {
  if (hidden % heads === 0) return hidden / heads;
  throw new Error(`${heads} heads do not divide a width of ${hidden}.`);
}
