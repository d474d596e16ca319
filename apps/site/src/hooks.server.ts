/** Who may do what in local mode (docs/operations.md): this machine only, and the printed key for everything that changes something. */
import { timingSafeEqual } from 'node:crypto';
import { type Handle, type HandleServerError, redirect } from '@sveltejs/kit';
import { key, publicUrl } from '$lib/server/settings.ts';
import { encode, shelf } from '$lib/server/shelf.ts';

const cookieName = 'working-papers-key';
const home = new URL(publicUrl);
const loopback = new Set([`127.0.0.1:${home.port}`, `localhost:${home.port}`, `[::1]:${home.port}`]);
const safe = new Set(['GET', 'HEAD', 'OPTIONS']);

function isKey(given: string | undefined): boolean {
  if (!key || !given) return false;
  const ours = Buffer.from(key);
  const theirs = Buffer.from(given);
  return ours.length === theirs.length && timingSafeEqual(ours, theirs);
}

/** JSON under /api, as every answer there; text elsewhere. */
const refuser = (path: string) => (sentence: string) =>
  path.startsWith('/api/')
    ? Response.json({ error: sentence }, { status: 403 })
    : new Response(`${sentence}\n`, { status: 403, headers: { 'content-type': 'text/plain; charset=utf-8' } });

export const handle: Handle = async ({ event, resolve }) => {
  const { request, url, cookies } = event;
  const refuse = refuser(url.pathname);
  const host = request.headers.get('host') ?? '';
  // A Host taken on trust would let a page elsewhere reach this machine under a name of its own.
  if (host !== home.host) {
    if (!loopback.has(host))
      return refuse(`This instance answers to ${publicUrl} only; the request was for "${host.slice(0, 200)}".`);
    if (safe.has(request.method)) redirect(307, `${publicUrl}${url.pathname}${url.search}`);
  }
  const origin = request.headers.get('origin');
  if (origin !== null && origin !== home.origin)
    return refuse(`Requests from ${origin.slice(0, 200)} are refused; this instance is ${publicUrl}.`);
  // Some browsers leave Origin out of a same-origin fetch; Sec-Fetch-Site, which no script can set, then says the same.
  const sameOrigin = origin !== null || request.headers.get('sec-fetch-site') === 'same-origin';
  if (!safe.has(request.method) && !sameOrigin && request.headers.has('cookie'))
    return refuse('A request that changes something and carries a cookie needs an Origin.');
  if (request.method === 'GET' && url.searchParams.has('key')) {
    const given = url.searchParams.get('key') ?? undefined;
    if (isKey(given))
      cookies.set(cookieName, given!, {
        path: '/',
        httpOnly: true,
        sameSite: 'lax',
        secure: home.protocol === 'https:',
        maxAge: 365 * 86400,
      });
    const clean = new URLSearchParams(url.searchParams);
    clean.delete('key');
    redirect(303, `${url.pathname}${clean.size > 0 ? `?${clean}` : ''}`);
  }
  const bearer = /^Bearer (.+)$/.exec(request.headers.get('authorization') ?? '')?.[1];
  event.locals.admin = isKey(bearer) || isKey(cookies.get(cookieName));
  event.locals.shelf = shelf;
  event.locals.encode = encode;
  const response = await resolve(event);
  response.headers.set('x-content-type-options', 'nosniff');
  response.headers.set('referrer-policy', 'same-origin');
  return response;
};

/** What SvelteKit itself refuses. */
const sentences: Record<number, string> = {
  404: 'There is no such page.',
  405: 'This page takes no form.',
  415: 'The form came in an encoding that pages do not read.',
};

export const handleError: HandleServerError = ({ error, event, status }) => {
  if (status >= 500) console.error(`${event.request.method} ${event.url.pathname}:`, error);
  return { message: sentences[status] ?? 'Something went wrong here; the log of the site says what.' };
};
