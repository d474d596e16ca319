import { type SQL, sql } from 'drizzle-orm';
import { isDay } from '../days.ts';
import type { SearchOptions } from '../types.ts';

/** A search was asked for with a filter, limit or offset that means nothing. */
export class SearchError extends Error {
  override name = 'SearchError';
}

function checkDay(name: string, day: string): string {
  if (!isDay(day)) {
    throw new SearchError(`"${day.slice(0, 40)}" is no date for "${name}"; give YYYY-MM-DD, for example 2024-05-10.`);
  }
  return day;
}

/** The condition on a registration `r` that it is of the family. Postgres takes no NUL, and no family has one. */
export const isFamily = (family: string): SQL => sql`r.family = ${family.replaceAll('\0', '\uFFFD')}`;

/** The condition on papers `p` with their registration `r` that the filters make. */
export function filtersOf({ family, from, to, runsHere }: SearchOptions): SQL {
  const parts = [sql`true`];
  if (family) parts.push(isFamily(family));
  if (from) parts.push(sql`p.date >= ${checkDay('from', from)}::date`);
  if (to) parts.push(sql`p.date <= ${checkDay('to', to)}::date`);
  if (runsHere) parts.push(sql`r.built`);
  return sql.join(parts, sql` and `);
}
