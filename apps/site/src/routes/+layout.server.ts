import { publicUrl } from '$lib/server/settings.ts';
import type { LayoutServerLoad } from './$types';

/** `home`: where this instance is, for the addresses that other sites read. */
export const load: LayoutServerLoad = ({ locals }) => ({ admin: locals.admin, home: publicUrl });
