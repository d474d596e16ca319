import { error, redirect } from '@sveltejs/kit';
import { filtered, LedgerQuery, ledger, shelfOf, sorts, verdicts } from '$lib/server/ledger.ts';
import { shortTitle } from '$lib/short-titles.ts';
import type { PageServerLoad } from './$types';

const pageSize = 50;
const names = Object.keys(LedgerQuery.shape);

/** The address without what says nothing: a form sends every field, also the empty ones and all verdicts. */
function said(asked: URLSearchParams): URLSearchParams {
  const parts = new URLSearchParams();
  for (const [name, value] of asked)
    if (value !== '' && !(name === 'sort' && value === 'tested')) parts.append(name, value);
  if (verdicts.every((verdict) => parts.has('verdict', verdict))) parts.delete('verdict');
  if (parts.get('page') === '1') parts.delete('page');
  return parts;
}

export const load: PageServerLoad = async ({ locals, url }) => {
  const address = said(url.searchParams);
  if (address.size < url.searchParams.size) redirect(303, `/claims${address.size > 0 ? `?${address}` : ''}`);
  const wanted = address.getAll('verdict');
  const read = LedgerQuery.safeParse({
    ...Object.fromEntries([...address].filter(([name]) => names.includes(name))),
    verdict: wanted.length > 0 ? wanted : undefined,
  });
  if (!read.success) {
    const { path, message } = read.error.issues[0]!;
    error(
      400,
      `${message}; the address has “${String(address.get(String(path[0]))).slice(0, 60)}” as ${String(path[0])}.`,
    );
  }
  const rows = await ledger(await locals.shelf());
  const found = filtered(rows, read.data);
  const pages = Math.max(1, Math.ceil(found.length / pageSize));
  const page = Math.max(1, Math.min(pages, Math.trunc(Number(address.get('page'))) || 1));
  return {
    filters: read.data,
    wanted,
    page,
    pageSize,
    pages,
    found: found.length,
    claims: found.slice((page - 1) * pageSize, page * pageSize).map((row) => ({
      slug: row.slug,
      short: shortTitle(row.slug, row.title),
      id: row.id,
      statement: row.statement,
      measure: row.measure,
      paper: row.paper,
      verdict: row.verdict,
      ...row.here,
    })),
    tally: verdicts.map((verdict) => ({ verdict, count: rows.filter((row) => row.verdict === verdict).length })),
    shelf: shelfOf(rows),
    sorts: [...sorts],
    models: [...new Set(rows.flatMap((row) => row.here.models))].sort(),
  };
};
