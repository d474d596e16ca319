import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';

type Environment = Record<string, string | undefined>;

/** Where the hub is and how it is spoken to; the variables mean what they mean to every Hugging Face library. */
export interface HubSettings {
  /** HF_ENDPOINT, without a slash at its end. */
  endpoint: string;
  /** HF_TOKEN, else the file that `hf auth login` writes. */
  token?: string;
  /** HF_HUB_OFFLINE. */
  offline: boolean;
  /** HF_HUB_CACHE, else `hub` in HF_HOME, else the user's own hub cache. */
  cache: string;
  /** Whether the user said where the hub's files go; otherwise downloads go into our cache. */
  cacheIsNamed: boolean;
}

export function hubSettings(environment: Environment = process.env): HubSettings {
  const home = environment.HF_HOME ?? join(environment.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'huggingface');
  const named = environment.HF_HUB_CACHE ?? environment.HUGGINGFACE_HUB_CACHE;
  const token =
    environment.HF_TOKEN ??
    environment.HUGGING_FACE_HUB_TOKEN ??
    tokenFile(environment.HF_TOKEN_PATH ?? join(home, 'token'));
  return {
    endpoint: (environment.HF_ENDPOINT || 'https://huggingface.co').replace(/\/+$/, ''),
    ...(token?.trim() ? { token: token.trim() } : {}),
    offline: /^(1|true|yes|on)$/i.test(environment.HF_HUB_OFFLINE ?? ''),
    cache: resolve(named ?? join(home, 'hub')),
    cacheIsNamed: named !== undefined || environment.HF_HOME !== undefined,
  };
}

function tokenFile(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

/** Our cache of models: `models` in WORKING_PAPERS_DATA, or in `./data`. */
export function defaultCacheFolder(environment: Environment = process.env): string {
  return resolve(environment.WORKING_PAPERS_DATA || 'data', 'models');
}
