/**
 * Malformed files of every format that a model comes in, opened whole: headers, every tensor, configuration, tokenizer, the graph of
 * the architecture. Each gives an answer or a sentence, soon, and allocates no more than a small multiple of its files.
 */
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import {
  architectures,
  checkConfig,
  createTokenizer,
  dequantise,
  parseGgufHeader,
  preprocess,
} from '@working-papers/models';
import { openCheckpoint, readImage, readPixels } from '@working-papers/models/node';
import fc from 'fast-check';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseJson } from '../packages/models/src/formats/json-text.ts';
import { preprocessingOf } from '../packages/models/src/images/preprocessor-config.ts';
import { fixturesOf, readFixture } from '../packages/models/src/testing/fixture.ts';
import { type Allocations, capMemory, countAllocations } from './allocations.ts';
import { bertFolder, llamaGguf, safetensorsOf, shardedFolder } from './checkpoints.ts';
import { buildWhole } from './graphs.ts';
import {
  answerOrSentence,
  byteEdits,
  cases,
  jsonEdits,
  long,
  type Stretch,
  spoilBytes,
  spoilJsonText,
} from './hostile.ts';

const patience = long ? 1_200_000 : 60_000;
const fixtures = new URL('../packages/models/fixtures/', import.meta.url);
const fixture = (name: string) => readFile(new URL(name, fixtures));

let folder: string;
let allocations: Allocations;
let lift: (() => void) | undefined;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'wp-fuzz-'));
  await sharp(await anImage().png().toBuffer())
    .raw()
    .toBuffer();
  lift = capMemory(512 * 2 ** 20);
  allocations = countAllocations();
});
afterAll(async () => {
  allocations.stop();
  lift?.();
  await rm(folder, { recursive: true, force: true });
});

type Files = Record<string, Uint8Array | object>;

const asBytes = (content: Uint8Array | object): Uint8Array =>
  content instanceof Uint8Array ? content : Buffer.from(JSON.stringify(content));

/** Puts files into a folder of their own, made once a format; answers their bytes all together. */
async function put(place: string, files: Files): Promise<number> {
  let bytes = 0;
  for (const [name, content] of Object.entries(files)) {
    await mkdir(dirname(join(place, name)), { recursive: true });
    await writeFile(join(place, name), asBytes(content));
    bytes += asBytes(content).length;
  }
  return bytes;
}

/** Opens what lies in the folder, down to the graph where it is a model's; answers the number of tensors. */
async function openWhole(path: string, graph = true): Promise<number> {
  const { tensors, tokenizer, config, preprocessor } = await openCheckpoint(path);
  for (const [place, tensor] of [...tensors.values()].entries()) {
    const bytes = place === 0 ? await tensor.bytes() : tensor.bytesSync();
    const end = bytes.byteLength;
    if (end !== tensor.byteLength) throw new Error(`Tensor ${tensor.name} gave ${end} bytes`);
    if (place === 0) expect(await tensor.slice(end >> 1, end)).toHaveLength(end - (end >> 1));
    dequantise(tensor.type, bytes, tensor.count);
  }
  if (tokenizer) createTokenizer(tokenizer).encode('a b');
  if (preprocessor) prepare(preprocessor, config);
  if (graph) buildWhole(config, tensors);
  return tensors.size;
}

const image = { width: 6, height: 5, data: new Uint8Array(90).fill(7) };

function prepare(preprocessor: Record<string, unknown>, config: Parameters<typeof preprocessingOf>[1]) {
  const preprocessing = preprocessingOf(preprocessor, config);
  // What is made of an image has the size that was asked for, up to 4096 pixels a side.
  const asked = [...JSON.stringify(preprocessing).matchAll(/\d+(?=[,}])/g)].map(Number);
  if (Math.max(0, ...asked) <= 64) preprocess([image], preprocessing);
}

/**
 * The answer or a sentence, having allocated no more than so many times the files, a little that every opening takes, and for an image
 * that was read a few times its pixels.
 */
async function bounded(bytes: number, body: () => Promise<unknown>): Promise<unknown> {
  allocations.taken();
  const answer = await answerOrSentence(bytes, body);
  const { width = 0, height = 0 } = (answer ?? {}) as { width?: number; height?: number };
  const most = 2 ** 18 + 24 * bytes + 12 * width * height;
  expect(allocations.taken(), `bytes allocated for ${bytes} bytes of files`).toBeLessThan(most);
  return answer;
}

interface Spoiling {
  /** Cases in the long suite. */
  runs?: number;
  dense?: readonly Stretch[];
  /** What is opened in the folder; default the folder itself. */
  open?: string;
  graph?: boolean;
}

/** Spoils one file of a folder again and again, and opens the folder each time; answers how often it opened. */
async function fuzzFolder(name: string, files: Files, target: string, options: Spoiling = {}): Promise<number> {
  const { runs = 1_000, dense, open = '', graph } = options;
  const place = join(folder, name.replaceAll(/\W/g, '-'));
  const whole = files[target]!;
  const bytes = await put(place, files);
  const others = bytes - asBytes(whole).length;
  expect(await bounded(bytes, () => openWhole(join(place, open), graph))).toBeGreaterThan(0);
  let opened = 0;
  const edits = whole instanceof Uint8Array ? byteEdits.map(inBytes) : fc.oneof(jsonEdits, byteEdits.map(inBytes));
  await fc.assert(
    fc.asyncProperty(edits, async (spoil) => {
      const spoilt = Array.isArray(spoil) ? Buffer.from(spoilJsonText(whole, spoil)) : spoil(asBytes(whole), dense);
      await writeFile(join(place, target), spoilt);
      const answer = await bounded(others + spoilt.length, () => openWhole(join(place, open), graph));
      if (answer !== undefined) opened++;
    }),
    cases(runs),
  );
  return opened;
}

const inBytes =
  (edits: Parameters<typeof spoilBytes>[1]) =>
  (bytes: Uint8Array, dense?: readonly Stretch[]): Uint8Array =>
    spoilBytes(bytes, edits, dense);

const headerOf = (safetensors: Uint8Array): Stretch => [0, 8 + Number(Buffer.from(safetensors).readBigUInt64LE(0))];

describe('weights', () => {
  const { '1_Pooling/config.json': _, 'modules.json': __, ...bert } = bertFolder();

  it('safetensors', { timeout: patience }, async () => {
    const file = bert['model.safetensors'] as Buffer;
    expect(
      await fuzzFolder('safetensors', bert, 'model.safetensors', { runs: 500, dense: [headerOf(file)] }),
    ).toBeGreaterThan(0);
  });

  it('safetensors whose header is JSON of another meaning', { timeout: patience }, async () => {
    const file = bert['model.safetensors'] as Buffer;
    const [, end] = headerOf(file);
    const header = JSON.parse(file.toString('utf8', 8, end));
    const place = join(folder, 'safetensors-header');
    const bytes = await put(place, bert);
    await fc.assert(
      fc.asyncProperty(jsonEdits, async (edits) => {
        const spoilt = safetensorsOf(spoilJsonText(header, edits), file.subarray(end));
        await writeFile(join(place, 'model.safetensors'), spoilt);
        await bounded(bytes + spoilt.length, () => openWhole(place));
      }),
      cases(500),
    );
  });

  it('safetensors in shards: their index and a shard', { timeout: patience }, async () => {
    const files = shardedFolder();
    const shard = 'model-00001-of-00002.safetensors';
    await fuzzFolder('index', files, 'model.safetensors.index.json', { runs: 500 });
    await fuzzFolder('shard', files, shard, { runs: 500, dense: [headerOf(files[shard] as Buffer)] });
  });

  it('GGUF, with its tokenizer', { timeout: patience }, async () => {
    const file = new Uint8Array(llamaGguf());
    const { dataStart } = parseGgufHeader(file, file.length);
    const files = { 'model.gguf': file };
    const options = { dense: [[0, dataStart]] as Stretch[], open: 'model.gguf' };
    expect(await fuzzFolder('gguf', files, 'model.gguf', options)).toBeGreaterThan(0);
  });

  it.each(['state.bin', 'legacy.bin', 'nested.bin'])('PyTorch: %s', { timeout: patience }, async (name) => {
    const file = new Uint8Array(await fixture(`torch/${name}`));
    const config = { ...(bert['config.json'] as object) };
    const found = Buffer.from(file);
    const directory = found.indexOf(Buffer.from('PK\x01\x02', 'latin1'));
    const pickle = Math.max(0, found.indexOf('PK')) === 0 && directory > 0 ? found.indexOf(Buffer.from([0x80, 2])) : 0;
    const dense: Stretch[] = [[pickle, pickle + 600], ...(directory > 0 ? [[directory, file.length] as Stretch] : [])];
    const files = { 'config.json': config, 'pytorch_model.bin': file };
    expect(await fuzzFolder(name, files, 'pytorch_model.bin', { runs: 334, dense, graph: false })).toBeGreaterThan(0);
  });
});

describe('what lies beside the weights', () => {
  const names = Object.keys(bertFolder()).filter((name) => name.endsWith('.json'));
  it.each(names)('%s', { timeout: patience }, async (name) => {
    // tokenizers.test.ts spoils many more tokenizers.
    const runs = name === 'tokenizer.json' ? 100 : 200;
    expect(await fuzzFolder(`bert ${name}`, bertFolder(), name, { runs })).toBeGreaterThan(0);
  });

  it('preprocessor_config.json', { timeout: patience }, async () => {
    const vit = readFixture(fixturesOf(['vit'])[0]!);
    const whole = {
      image_processor_type: 'ViTImageProcessor',
      do_resize: true,
      size: { height: 8, width: 8 },
      resample: 2,
      do_center_crop: true,
      crop_size: { height: 8, width: 8 },
      do_rescale: true,
      rescale_factor: 1 / 255,
      do_normalize: true,
      image_mean: [0.5, 0.5, 0.5],
      image_std: [0.5, 0.5, 0.5],
    };
    await fc.assert(
      fc.asyncProperty(jsonEdits, async (edits) => {
        const text = spoilJsonText(whole, edits);
        await bounded(text.length, async () => prepare(objectOf(text), vit.config));
      }),
      cases(1_000),
    );
  });

  it('config.json of every architecture, against the tensors', { timeout: patience }, async () => {
    const names = [...new Set(architectures.flatMap(({ types }) => fixturesOf(types)))];
    const models = Object.fromEntries(names.map((name) => [name, readFixture(name)]));
    expect(names.length).toBeGreaterThan(40);
    let built = 0;
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...names), jsonEdits, async (name, edits) => {
        const { config, tensors } = models[name]!;
        const text = spoilJsonText(config, edits);
        const bytes = [...tensors.values()].reduce((sum, { byteLength }) => sum + byteLength, text.length);
        await bounded(bytes, async () => {
          buildWhole(checkConfig(objectOf(text), 'config.json'), tensors);
          built++;
        });
      }),
      cases(1_000),
    );
    expect(built).toBeGreaterThan(0);
  });
});

describe('the watch', () => {
  it('counts arrays and refuses what lies beyond the cap', () => {
    allocations.taken();
    expect([new Uint8Array(1_000), new Float64Array(10), Array(7), Buffer.alloc(20)]).toHaveLength(4);
    expect(allocations.taken()).toBe(1_000 + 80 + 56 + 20);
    if (lift) expect(() => new ArrayBuffer(2 ** 30)).toThrow('Array buffer allocation failed');
  });
});

const objectOf = (text: string) => parseJson(text, 'The file').value as Record<string, unknown>;

const anImage = () =>
  sharp(Buffer.from(Uint8Array.from({ length: 24 * 16 * 3 }, (_, i) => (i * 37) % 256)), {
    raw: { width: 24, height: 16, channels: 3 },
  });

describe('images', () => {
  const fuzzFile = async (name: string, whole: Uint8Array, runs: number, read: (path: string) => Promise<unknown>) => {
    const path = join(folder, name);
    await fc.assert(
      fc.asyncProperty(byteEdits, async (edits) => {
        const spoilt = spoilBytes(whole, edits);
        await writeFile(path, spoilt);
        await bounded(spoilt.length, () => read(path));
      }),
      cases(runs),
    );
  };

  it('.npy', { timeout: patience }, async () => {
    const head = "{'descr': '<f4', 'fortran_order': False, 'shape': (1, 3, 4, 5), }".padEnd(117);
    const start = Buffer.from(`\x93NUMPY\x01\x00\x76\x00${head}\n`, 'latin1');
    const whole = Buffer.concat([start, Buffer.from(Float32Array.from({ length: 60 }, (_, i) => i).buffer)]);
    await fuzzFile('pixels.npy', whole, 1_000, readPixels);
  });

  // A picture may be many times its file; the limit is its pixels, and the cap on memory holds here too.
  it.each(['png', 'jpeg', 'webp', 'gif', 'tiff'] as const)('.%s', { timeout: patience }, async (format) => {
    await fuzzFile(`image.${format}`, await anImage().toFormat(format).toBuffer(), 1_000, readImage);
  });
});
