import { resolveReference } from '../references/node/resolve.ts';
import { ModelReferenceError } from '../references/parse.ts';

/**
 * The files of a real model for a test, or why they cannot be had here (no cache, no network, no pip), which the test
 * gives as the reason of its skip. Any other failure is a failure.
 */
export async function realModel(
  reference: string,
): Promise<{ path: string; missing?: undefined } | { path: ''; missing: string }> {
  try {
    return { path: (await resolveReference(reference)).path };
  } catch (error) {
    if (!(error instanceof ModelReferenceError)) throw error;
    console.warn(`Tests with ${reference} are skipped: ${error.message}`);
    return { path: '', missing: error.message };
  }
}
