import { api } from '$lib/server/api/index.ts';
import type { RequestHandler } from './$types';

const handler: RequestHandler = ({ request, locals }) => api.fetch(request, { locals });

export const GET = handler;
export const HEAD = handler;
export const POST = handler;
export const PUT = handler;
export const PATCH = handler;
export const DELETE = handler;
export const OPTIONS = handler;
