import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Progress } from '../types.ts';
import { type FakeHub, startFakeHub } from './fake-hub.ts';
import { type OpenWriter, openWriter } from './file-writer.ts';
import { listCachedModels } from './list.ts';
import { chooseFiles } from './model-files.ts';
import { resolveReference } from './resolve.ts';

const weights = Buffer.from(Array.from({ length: 300_000 }, (_, i) => (i * 7 + (i >> 8)) & 255));
const files = {
  'config.json': Buffer.from('{"model_type":"x"}'),
  'model.safetensors': weights,
  'README.md': Buffer.from('read'),
  'pytorch_model.bin': Buffer.alloc(9),
};

let folder: string;
let hub: FakeHub;
let environment: Record<string, string>;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'resolve-hub-'));
  hub = await startFakeHub('owner/name', files);
  environment = {
    HF_ENDPOINT: `${hub.url}/`,
    XDG_CACHE_HOME: join(folder, 'xdg'),
    WORKING_PAPERS_DATA: join(folder, 'data'),
  };
});
afterEach(async () => {
  await hub.close();
  await rm(folder, { recursive: true, force: true });
});

const resolve = (reference = 'hf:owner/name', surroundings: object = {}, options: object = {}) =>
  resolveReference(reference, options, { environment, ...surroundings });
const fetched = () => hub.requests.filter(({ path }) => path.includes('/resolve/'));
const blobs = () => readdir(join(folder, 'data/models/hub/models--owner--name/blobs'));

describe('what a repository is opened by', () => {
  const chosen = (...paths: string[]) => chooseFiles([...paths, 'config.json', 'README.md', 'vocab.txt'], 'o/n');

  it('is safetensors before PyTorch before GGUF, with what stands beside', () => {
    expect(chosen('pytorch_model.bin', 'a.gguf')).toEqual(['pytorch_model.bin', 'config.json', 'vocab.txt']);
    expect(chosen('pytorch_model.bin', 'model.safetensors')[0]).toBe('model.safetensors');
    const shards = ['pytorch_model-00001-of-00002.bin', 'pytorch_model-00002-of-00002.bin'];
    expect(chosen('pytorch_model.bin.index.json', ...shards, 'training_args.bin')).toEqual([
      'pytorch_model.bin.index.json',
      ...shards,
      'config.json',
      'vocab.txt',
    ]);
    expect(chosen('a.gguf')).toEqual(['a.gguf']);
    expect(() => chosen('training_args.bin')).toThrow(/no safetensors, no PyTorch and no GGUF file/);
  });
});

describe('a model on the hub', () => {
  it('is fetched once, only the files a model needs, in the layout of the hub cache', async () => {
    const progress: Progress[] = [];
    const first = await resolve('hf:owner/name', {}, { onProgress: (p: Progress) => progress.push(p) });
    expect(first).toEqual({
      path: join(folder, 'data/models/hub/models--owner--name/snapshots', hub.commit),
      reference: 'hf:owner/name',
      revision: hub.commit,
      via: 'hub',
    });
    expect((await readdir(first.path)).sort()).toEqual(['config.json', 'model.safetensors']);
    expect(await readFile(join(first.path, 'model.safetensors'))).toEqual(weights);
    expect(progress.at(-1)).toMatchObject({ phase: 'download', total: weights.length + 18 });
    const asked = hub.requests.length;
    expect(await resolve()).toMatchObject({ path: first.path, revision: hub.commit, via: 'cache' });
    expect(await resolve(`hf:owner/name@${hub.commit}`)).toMatchObject({ via: 'cache' });
    expect(hub.requests).toHaveLength(asked);
    const listed = await listCachedModels({ environment });
    expect(listed.filter(({ via }) => via !== 'house')).toMatchObject([
      { reference: 'hf:owner/name', revision: hub.commit, bytes: weights.length + 18, via: 'hub' },
    ]);
    expect(listed).toContainEqual(expect.objectContaining({ reference: 'house:ctx-tiny', via: 'house' }));
  });

  it('goes into HF_HOME when that is set, and is found in a cache that another library made', async () => {
    environment.HF_HOME = join(folder, 'home');
    const { path } = await resolve();
    expect(path.startsWith(join(folder, 'home/hub'))).toBe(true);
    environment.WORKING_PAPERS_DATA = join(folder, 'other');
    environment.HF_HUB_OFFLINE = '1';
    expect(await resolve()).toMatchObject({ path, via: 'cache' });
  });

  it('is asked for with HF_TOKEN, and without it for somebody else', async () => {
    environment.HF_TOKEN = 'hf_secret';
    await resolve();
    expect(hub.requests.every(({ authorisation }) => authorisation === 'Bearer hf_secret')).toBe(true);
    await rm(join(folder, 'data'), { recursive: true });
    hub.requests.length = 0;
    await resolve('hf:owner/name', {}, { token: false });
    expect(hub.requests.every(({ authorisation }) => authorisation === undefined)).toBe(true);
  });

  it('goes on where a broken connection ended', async () => {
    hub.breaks = [100_000, 50_000];
    const { path } = await resolve('hf:owner/name:model.safetensors');
    expect(await readFile(path)).toEqual(weights);
    const ranges = fetched()
      .filter(({ path: file }) => file.endsWith('.safetensors'))
      .map(({ range }) => range);
    expect(ranges[0]).toBeUndefined();
    expect(ranges.slice(1).every((range) => /^bytes=[1-9]\d*-$/.test(range!))).toBe(true);
  });

  it('goes on in a later run with what an earlier one left', async () => {
    hub.breaks = [100_000, 0, 0, 0, 0];
    await expect(resolve()).rejects.toThrow(/broke 3 times at \d+ of 300000 bytes; run it again/);
    hub.breaks = [];
    hub.requests.length = 0;
    await resolve();
    expect(fetched().some(({ range }) => range !== undefined)).toBe(true);
  });

  it('starts again with a server that does not resume', async () => {
    hub.ignoresRange = true;
    hub.breaks = [100_000];
    const { path } = await resolve();
    expect(await readFile(join(path, 'model.safetensors'))).toEqual(weights);
  });

  it('is refused and removed when its checksum is wrong', async () => {
    hub.corrupt = Buffer.alloc(weights.length);
    await expect(resolve('hf:owner/name:model.safetensors')).rejects.toThrow(
      /arrived with the checksum .* instead of .* and was removed/,
    );
    expect((await blobs()).filter((name) => name.length === 64 || name.endsWith('.incomplete'))).toEqual([]);
  });

  it('leaves nothing behind on a full disk and says what to do', async () => {
    const full: OpenWriter = async (path, append) => {
      const writer = await openWriter(path, append);
      let written = 0;
      return {
        async write(bytes) {
          written += bytes.byteLength;
          if (written > 100_000)
            throw Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' });
          await writer.write(bytes);
        },
        close: writer.close,
      };
    };
    await expect(resolve('hf:owner/name', { openWriter: full })).rejects.toThrow(
      /The disk is full: model.safetensors of owner\/name \(300 kB\) did not fit into .*blobs.*WORKING_PAPERS_DATA/,
    );
    expect((await blobs()).filter((name) => name.endsWith('.incomplete'))).toEqual([]);
    expect(await resolve()).toMatchObject({ via: 'hub' });
  });

  it('is fetched by one of two at once', async () => {
    const both = await Promise.all([resolve(), resolve()]);
    expect(both[0].path).toBe(both[1].path);
    expect(fetched()).toHaveLength(2);
  });

  it('can be stopped and taken up again', async () => {
    const stop = new AbortController();
    const onProgress = (p: Progress) => p.phase === 'download' && p.done > 1000 && stop.abort();
    await expect(resolve('hf:owner/name', {}, { signal: stop.signal, onProgress })).rejects.toThrow(/abort/i);
    expect(await resolve()).toMatchObject({ via: 'hub' });
  });

  it('says what the hub refused, and does not take another road then', async () => {
    await expect(resolve('hf:owner/name:absent.gguf')).rejects.toThrow(
      /has no file absent.gguf \(it has model.safetensors, pytorch_model.bin\)/,
    );
    hub.status = 404;
    await expect(resolve('hf:owner/other@v2')).rejects.toThrow(/has no model owner\/other with the revision v2/);
    hub.status = 403;
    await expect(resolve('hf:owner/gated')).rejects.toThrow(
      /does not give out owner\/gated \(403\).*HF_TOKEN is not set/,
    );
  });

  it('names everything that was tried when nothing answers', async () => {
    hub.status = 503;
    await expect(resolve()).rejects.toThrow(
      /hf:owner\/name could not be had. Tried the caches \(.*\): not there; the hub: .* could not be reached .*; a Python wheel: none in the catalogue/,
    );
    await expect(resolve('hf:owner/name', {}, { offline: true })).rejects.toThrow(/nothing is fetched while offline/);
    environment.HF_HUB_OFFLINE = '1';
    hub.requests.length = 0;
    await expect(resolve()).rejects.toThrow(/not asked, because HF_HUB_OFFLINE is set/);
    expect(hub.requests).toEqual([]);
  });
});

describe('other references', () => {
  it('opens paths, and helps with a forgotten hf:', async () => {
    await mkdir(join(folder, 'model'));
    await writeFile(join(folder, 'model/x.gguf'), '');
    expect(await resolve(join(folder, 'model/x.gguf'))).toMatchObject({ via: 'path' });
    await expect(resolve('owner/name')).rejects.toThrow(/For the model of that name on the hub write hf:owner\/name/);
    await expect(resolve('house:of-cards')).rejects.toThrow(/no house model of-cards here.*house\/make\.mjs NAME/);
  });
});
