import type { ModelReference } from './types.ts';

/** A reference that names no model, or one that cannot be had; the message is a sentence for people. */
export class ModelReferenceError extends Error {
  override name = 'ModelReferenceError';
}

const forms =
  'hf:owner/name[@revision][:file], wheel:NAME[:file], house:NAME, upload:ID, or the path of a folder or file';

/**
 * Takes a model reference apart. Everything without a scheme is a path. Throws {@link ModelReferenceError} for a
 * reference that is malformed or would lead outside its own files.
 */
export function parseReference(text: string): ModelReference {
  const trimmed = text.trim();
  if (trimmed === '') throw new ModelReferenceError(`A model reference is ${forms}; got an empty one.`);
  if (trimmed.includes('\0')) throw new ModelReferenceError('A model reference must not contain a zero byte.');
  const scheme = /^([a-z]{2,}):/.exec(trimmed)?.[1];
  const rest = scheme ? trimmed.slice(scheme.length + 1) : trimmed;
  if (scheme === undefined) return { kind: 'path', path: rest };
  if (scheme === 'hf') return parseHub(trimmed, rest);
  if (scheme === 'wheel') return parseWheel(trimmed, rest);
  if (scheme === 'house') {
    if (!/^[\w.-]+$/.test(rest))
      throw new ModelReferenceError(`"${trimmed}" names no house model; a name has letters, digits, ".", "_" and "-".`);
    return { kind: 'house', name: rest };
  }
  if (scheme === 'upload') {
    if (!/^[a-z2-7]{16}$/.test(rest))
      throw new ModelReferenceError(`"${trimmed.slice(0, 80)}" names no upload; its id has 16 letters and digits.`);
    return { kind: 'upload', id: rest };
  }
  if (scheme === 'openai')
    throw new ModelReferenceError(
      `"${trimmed}" is a server that takes and gives text; here a model with files is needed.`,
    );
  throw new ModelReferenceError(`"${scheme}:" is no kind of model reference; one is ${forms}.`);
}

/** The canonical text of a reference: what {@link parseReference} reads again. */
export function formatReference(reference: ModelReference): string {
  switch (reference.kind) {
    case 'hf': {
      const revision = reference.revision === undefined ? '' : `@${reference.revision}`;
      const file = reference.file === undefined ? '' : `:${reference.file}`;
      return `hf:${reference.repository}${revision}${file}`;
    }
    case 'wheel':
      return `wheel:${reference.name}${reference.file === undefined ? '' : `:${reference.file}`}`;
    case 'house':
      return `house:${reference.name}`;
    case 'upload':
      return `upload:${reference.id}`;
    case 'path':
      return reference.path;
  }
}

/** Whether a relative path with "/" stays inside the folder it is joined to, on every system. */
export function isSafeRelativePath(path: string): boolean {
  const parts = path.split('/');
  return (
    path !== '' &&
    !/[\\:\0]/.test(path) &&
    parts.every((part) => part !== '' && part !== '.' && part !== '..') &&
    path.length <= 1024
  );
}

function parseHub(text: string, rest: string): ModelReference {
  const match = /^([\w.-]+\/[\w.-]+)(?:@([\w./-]+))?(?::(.+))?$/.exec(rest);
  if (!match) throw new ModelReferenceError(`"${text}" is not of the form hf:owner/name[@revision][:file].`);
  const [, repository, revision, file] = match;
  if (
    !isSafeRelativePath(repository!) ||
    repository!.split('/').some((part) => part.startsWith('.') || part.includes('..'))
  ) {
    throw new ModelReferenceError(`"${repository}" is no repository of a hub.`);
  }
  if (revision !== undefined && !isSafeRelativePath(revision))
    throw new ModelReferenceError(`"${revision}" is no revision of a repository.`);
  checkFile(file);
  return {
    kind: 'hf',
    repository: repository!,
    ...(revision === undefined ? {} : { revision }),
    ...(file === undefined ? {} : { file }),
  };
}

function parseWheel(text: string, rest: string): ModelReference {
  const match = /^([A-Za-z0-9][\w.-]*)(?::(.+))?$/.exec(rest);
  if (!match) throw new ModelReferenceError(`"${text}" is not of the form wheel:NAME[:file].`);
  checkFile(match[2]);
  return { kind: 'wheel', name: match[1]!, ...(match[2] === undefined ? {} : { file: match[2] }) };
}

function checkFile(file: string | undefined): void {
  if (file !== undefined && !isSafeRelativePath(file)) {
    throw new ModelReferenceError(
      `"${file}" is no file of a model: a file is a relative path with "/" and without "..".`,
    );
  }
}
