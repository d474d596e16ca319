/** Where the processes of one data folder meet. */
import { createHash } from 'node:crypto';
import { chmodSync, lstatSync, mkdirSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

/** A Unix socket's path is cut without a word past 107 bytes on Linux and 103 on macOS. */
const longestPath = 100;
const longestName = '.s.PGSQL.5432'.length;

/**
 * The folder of the data folder's sockets: the data folder itself, or, when its path is too long for a socket, a private folder
 * of this user in the temporary one, named by a hash of the path.
 */
export function socketFolder(dataFolder: string): string {
  const folder = resolve(dataFolder);
  if (Buffer.byteLength(join(folder, '.s.PGSQL.5432')) <= longestPath) return folder;
  const hash = createHash('sha256').update(folder).digest('hex').slice(0, 16);
  const moved = join(tmpdir(), `working-papers-${hash}`);
  if (Buffer.byteLength(moved) + 1 + longestName > longestPath) {
    throw new Error(
      `No socket fits: "${folder}" and "${moved}" are both too long for a Unix socket (at most ${longestPath} bytes). Use a shorter WORKING_PAPERS_DATA or TMPDIR.`,
    );
  }
  mkdirSync(moved, { recursive: true, mode: 0o700 });
  const stat = lstatSync(moved);
  if (!stat.isDirectory() || (process.getuid !== undefined && stat.uid !== process.getuid())) {
    throw new Error(
      `"${moved}" belongs to somebody else, so this data folder's sockets cannot stand there. Remove it or set TMPDIR.`,
    );
  }
  chmodSync(moved, 0o700);
  return moved;
}

/** What `pg` connects to: it gets the folder as its host. */
export const databaseSocket = (dataFolder: string): string => join(socketFolder(dataFolder), '.s.PGSQL.5432');
export const encoderSocket = (dataFolder: string): string => join(socketFolder(dataFolder), '.s.encoder');

/** Whether a living process listens there: the kernel accepts for it even while it is busy, and refuses for a dead one. */
export function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    const end = (alive: boolean) => {
      socket.destroy();
      resolve(alive);
    };
    socket.once('connect', () => end(true));
    socket.once('error', (error: NodeJS.ErrnoException) => end(error.code === 'EAGAIN'));
  });
}
