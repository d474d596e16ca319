import type { Pool, PoolClient } from 'pg';

/**
 * Runs `body` inside one transaction. Embedded there is one transaction at a time for everybody, so `body` awaits its own queries
 * and nothing else.
 */
export async function transaction<T>(pool: Pool, body: (client: PoolClient) => Promise<T>): Promise<T> {
  const client = await pool.connect();
  let broken: Error | undefined;
  try {
    await client.query('begin');
    const result = await body(client);
    await client.query('commit');
    return result;
  } catch (error) {
    await client.query('rollback').catch((failure: Error) => {
      broken = failure;
    });
    throw error;
  } finally {
    client.release(broken);
  }
}
