/** Measured values in the order in which the claim's rule names them, the one it is about first; the others after, by name. */
import type { Field } from '@working-papers/methods';
import type { PaperValue, Rule, Value } from '@working-papers/methods/contract';

/**
 * A database's JSON forgets the order of keys, so "the first value" of stored evidence may be a baseline. `rule` must come from
 * the descriptor, whose order is the author's.
 */
export function inRuleOrder(rule: Rule | undefined, values: Record<string, Value> | undefined): [string, Value][] {
  const order = Object.keys(rule?.values ?? {});
  const place = (name: string) => (order.includes(name) ? order.indexOf(name) : order.length);
  const entries = Object.entries(values ?? {});
  return rule ? entries.sort(([a], [b]) => place(a) - place(b) || a.localeCompare(b)) : entries;
}

/** "titlesAndAbstracts" as words. */
export const spaced = (name: string) => name.replace(/([a-z])([A-Z])/g, '$1 $2').toLowerCase();

/** What a form calls a parameter. */
export const labelOf = (field: Pick<Field, 'name' | 'title'>): string =>
  field.title ?? spaced(field.name).replace(/^./, (letter) => letter.toUpperCase());

/**
 * The paper's number where it is one and stands in the unit of ours, else undefined: only then may both stand on one axis. A value
 * from memory or of our own is not the paper's.
 */
export const comparable = (paper: PaperValue, value: Value): number | undefined =>
  paper.source !== 'recalled' && paper.source !== 'here' && /^\d[\d,.]*$/.test(paper.value) && paper.unit === value.unit
    ? Number(paper.value.replaceAll(',', ''))
    : undefined;
