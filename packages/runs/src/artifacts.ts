/** Files that runs leave: a folder a run in the data folder, a row a file. */
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { checkedName } from './names.ts';
import type { ArtifactRecord, Database } from './types.ts';

/** Where a run keeps its files. */
export function runFolder(dataFolder: string, run: string): string {
  return join(dataFolder, 'runs', checkedName(run));
}

export function artifactFolder(dataFolder: string, run: string): string {
  return join(runFolder(dataFolder, run), 'artifacts');
}

/** The artifacts of a run, in the order of their names. */
export async function listArtifacts(library: Database, run: string): Promise<ArtifactRecord[]> {
  const { rows } = await library.pool.query<ArtifactRow>(
    'select run, name, media_type, bytes, sha256 from artifacts where run = $1 order by name',
    [run],
  );
  return rows.map(recordOf);
}

/**
 * An artifact's record and the path of its file, or undefined when the run left none of that name or its file is gone.
 * Names that could leave the folder name nothing.
 */
export async function openArtifact(
  library: Database,
  dataFolder: string,
  run: string,
  name: string,
): Promise<{ record: ArtifactRecord; path: string } | undefined> {
  const { rows } = await library.pool.query<ArtifactRow>(
    'select run, name, media_type, bytes, sha256 from artifacts where run = $1 and name = $2',
    [run, name],
  );
  if (!rows[0]) return undefined;
  const path = join(artifactFolder(dataFolder, run), checkedName(name));
  const found = await stat(path).catch(() => undefined);
  return found?.isFile() ? { record: recordOf(rows[0]), path } : undefined;
}

/** Notes an artifact whose file is there, under its checked name. Throws a sentence when it is not. */
export async function storeArtifact(library: Database, dataFolder: string, artifact: ArtifactRecord): Promise<void> {
  const path = join(artifactFolder(dataFolder, artifact.run), checkedName(artifact.name));
  const found = await stat(path).catch(() => undefined);
  if (!found?.isFile() || found.size !== artifact.bytes) {
    throw new Error(`The artifact "${artifact.name}" was announced but is not there whole.`);
  }
  await library.pool.query(
    `insert into artifacts (run, name, media_type, bytes, sha256, path) values ($1, $2, $3, $4, $5, $6)
     on conflict (run, name) do nothing`,
    [
      artifact.run,
      artifact.name,
      artifact.mediaType,
      artifact.bytes,
      artifact.sha256,
      `${artifact.run}/artifacts/${artifact.name}`,
    ],
  );
}

interface ArtifactRow {
  run: string;
  name: string;
  media_type: string;
  bytes: number | string;
  sha256: string;
}

function recordOf(row: ArtifactRow): ArtifactRecord {
  return {
    run: row.run,
    name: row.name,
    mediaType: row.media_type,
    bytes: Number(row.bytes),
    sha256: row.sha256,
  };
}
