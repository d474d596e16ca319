import { createHash, timingSafeEqual } from 'node:crypto';
import type { MiddlewareHandler } from 'hono';
import { ApiError } from './api-error.ts';

/** Whether a name or an address is of this machine alone. */
export const isLoopback = (host: string): boolean =>
  host === 'localhost' || host === '::1' || /^127(\.\d+){3}$/.test(host);

/** Lets requests through whose bearer is the key, compared in constant time. */
export function requireKey(key: string): MiddlewareHandler {
  const digest = (text: string) => createHash('sha256').update(text).digest();
  const ours = digest(key);
  return async (c, next) => {
    const given = /^Bearer +(.+)$/i.exec(c.req.header('authorization') ?? '')?.[1] ?? '';
    if (!timingSafeEqual(digest(given), ours)) {
      const what = given === '' ? 'The request has no API key' : 'The API key is not the right one';
      throw new ApiError(401, `${what}. Send it as "Authorization: Bearer KEY".`, {
        code: 'invalid_api_key',
        headers: { 'www-authenticate': 'Bearer' },
      });
    }
    await next();
  };
}

/**
 * Answers to the names of this machine only: a page elsewhere could have its own name lead here (DNS rebinding). For servers
 * that listen on this machine alone and ask for no key.
 */
export const requireLoopbackName: MiddlewareHandler = async (c, next) => {
  const host = c.req.header('host') ?? '';
  const name = host.replace(/:\d+$/, '').replace(/^\[(.*)\]$/, '$1');
  if (!isLoopback(name)) {
    throw new ApiError(
      403,
      `This server answers to the names of its own machine; the request was for "${host.slice(0, 200)}". Set an API key to be reached by others.`,
      { code: 'host_not_allowed' },
    );
  }
  await next();
};
