/** Uploads on the disk: a folder each, in `uploads` of the data folder, with `files/` and what is known of them in `upload.json`. */
import { readFileSync } from 'node:fs';
import { readdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Upload } from './types.ts';

const idPattern = /^[a-z2-7]{16}$/;

export const uploadsFolder = (dataFolder: string): string => join(dataFolder, 'uploads');

/** Folders that begin so are not uploads yet, or no more. */
export const unfinished = '.part-';

/** Whole uploads, newest first. */
export async function listUploads(dataFolder: string): Promise<Upload[]> {
  const names = await readdir(uploadsFolder(dataFolder)).catch(() => []);
  const found = await Promise.all(names.map((name) => getUpload(dataFolder, name)));
  return found
    .filter((upload) => upload !== undefined)
    .sort((a, b) => (a.createdAt < b.createdAt ? 1 : a.createdAt > b.createdAt ? -1 : 0));
}

/** The upload of that id, or undefined; an id that could name anything else names nothing. */
export async function getUpload(dataFolder: string, id: string): Promise<Upload | undefined> {
  if (!idPattern.test(id)) return undefined;
  const text = await readFile(join(uploadsFolder(dataFolder), id, 'upload.json'), 'utf8').catch(() => undefined);
  return text === undefined ? undefined : (JSON.parse(text) as Upload);
}

/** Path and name of an input's one file. Throws a sentence when the upload is not there or is a model. */
export function uploadedInput(uploads: string, id: string): { path: string; name: string } {
  if (!idPattern.test(id))
    throw new Error(`"upload:${id.slice(0, 80)}" names no upload; an id has 16 letters and digits.`);
  let upload: Upload;
  try {
    upload = JSON.parse(readFileSync(join(uploads, id, 'upload.json'), 'utf8')) as Upload;
  } catch {
    throw new Error(`There is no upload "${id}" here; it may have been deleted. Upload the file again.`);
  }
  const [file] = upload.files;
  if (upload.kind !== 'input' || !file)
    throw new Error(`The upload "${id}" is a model (${upload.name}), not an input.`);
  return { path: join(uploads, id, 'files', file.name), name: file.name };
}

/** Deletes an upload; false when there is none of that id. A run that is reading it keeps what it has opened. */
export async function deleteUpload(dataFolder: string, id: string): Promise<boolean> {
  if (!(await getUpload(dataFolder, id))) return false;
  const gone = join(uploadsFolder(dataFolder), `${unfinished}${id}`);
  // Out of sight in one step; what takes time comes after.
  await rename(join(uploadsFolder(dataFolder), id), gone);
  await rm(gone, { recursive: true, force: true });
  return true;
}
