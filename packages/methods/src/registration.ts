/** A descriptor as plain data, for the library's database and for JSON: no schema objects. */
import type { Claim, Family, Link, Method, Need } from './contract.ts';
import { built } from './descriptor.ts';

export interface Registration {
  slug: string;
  family: Family;
  title: string;
  arxiv?: string;
  date: string;
  authors: readonly string[];
  links: readonly Link[];
  offers: string;
  built: boolean;
  needs: readonly Need[];
  remarks: readonly string[];
  /** In the note's order; `position` counts from 0. */
  claims: (Claim & { position: number })[];
}

/** What the library stores of a paper. */
export const registrationOf = (method: Method): Registration => ({
  slug: method.slug,
  family: method.family,
  title: method.paper.title,
  ...(method.paper.arxiv ? { arxiv: method.paper.arxiv } : {}),
  date: method.paper.date,
  authors: method.paper.authors,
  links: method.paper.links ?? [],
  offers: method.offers,
  built: built(method),
  needs: method.needs ?? [],
  remarks: method.remarks ?? [],
  claims: method.claims.map((claim, position) => ({ ...claim, position })),
});
