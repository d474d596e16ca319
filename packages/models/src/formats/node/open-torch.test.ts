import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { zipSync } from 'fflate';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { dequantise } from '../dequantise.ts';
import { FormatError } from '../format-error.ts';
import { openCheckpoint } from './open-checkpoint.ts';
import { readTorch } from './open-torch.ts';
import { WeightFile } from './weight-file.ts';

const fixtures = new URL('../../../fixtures/torch/', import.meta.url);
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'open-torch-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const fixture = async (name: string) => readTorch(await WeightFile.find(new URL(name, fixtures).pathname));
let number = 0;
async function read(bytes: Uint8Array) {
  const path = join(folder, `${number++}.bin`);
  await writeFile(path, bytes);
  return readTorch(await WeightFile.find(path));
}

describe('files that torch wrote', async () => {
  const { state } = JSON.parse(await readFile(new URL('expected.json', fixtures), 'utf8'));

  it.each(['state.bin', 'legacy.bin', 'zip64.bin'])('%s has the tensors that torch says', async (name) => {
    const tensors = await fixture(name);
    expect([...tensors.keys()]).toEqual(Object.keys(state));
    for (const [key, tensor] of tensors) {
      const bytes = await tensor.bytes();
      const values = dequantise(tensor.type, bytes, tensor.count);
      expect(tensor.shape, key).toEqual(state[key].shape);
      expect(values, key).toEqual(Float32Array.from(state[key].values));
      expect(tensor.bytesSync()).toEqual(bytes);
      expect(bytes.byteLength).toBe(tensor.byteLength);
      const end = Math.max(0, bytes.length - 1);
      expect(await tensor.slice(end >> 1, end)).toEqual(bytes.slice(end >> 1, end));
    }
    expect(tensors.get('tied')!.alias).toBe('parameter');
    expect([...tensors.values()].filter(({ alias }) => alias !== undefined)).toHaveLength(1);
  });

  it('reads the types of newer versions', async () => {
    const tensors = await fixture('new-types.bin');
    const values = (name: string) => {
      const { type, count, bytesSync } = tensors.get(name)!;
      return [...dequantise(type, bytesSync(), count)];
    };
    expect(values('w')).toEqual([0, 1, 2, 3, 4, 5]);
    expect(values('v')).toEqual([0, 1, 65535]);
  });

  it('finds the dictionary of tensors in a training checkpoint', async () => {
    const tensors = await fixture('nested.bin');
    expect([...tensors].map(([name, { shape }]) => [name, shape])).toEqual([
      ['weight', [2, 3]],
      ['bias', [2]],
    ]);
  });

  it.each([
    [
      'object.bin',
      /imports "argparse.Namespace", which is none of the tensor classes.*Convert the model to safetensors/,
    ],
    ['module.bin', /imports "torch.nn.modules.linear.Linear"/],
    ['script.bin', /TorchScript archive/],
  ])('%s is refused with the way out', async (name, message) => {
    await expect(fixture(name)).rejects.toThrow(message);
    await expect(fixture(name)).rejects.toThrow(FormatError);
  });

  it('opens a folder, single or sharded, and takes safetensors where both are there', async () => {
    const config = JSON.stringify({
      model_type: 'bert',
      vocab_size: 6,
      hidden_size: 2,
      intermediate_size: 4,
      num_hidden_layers: 1,
      num_attention_heads: 1,
    });
    const content = await readFile(new URL('nested.bin', fixtures));
    const path = join(folder, 'model');
    await mkdir(path);
    await writeFile(join(path, 'config.json'), config);
    await writeFile(join(path, 'vocab.txt'), '[PAD]\n[UNK]\n[CLS]\n[SEP]\na\n##b\n');
    await writeFile(join(path, 'pytorch_model.bin'), content);
    const checkpoint = await openCheckpoint(path);
    expect(checkpoint).toMatchObject({ format: 'pytorch', tokenizer: { tokenizer: { model: { type: 'WordPiece' } } } });
    expect([...checkpoint.tensors.keys()]).toEqual(['weight', 'bias']);
    const sharded = join(folder, 'sharded');
    await mkdir(sharded);
    await writeFile(join(sharded, 'config.json'), config);
    await writeFile(join(sharded, 'pytorch_model-00001-of-00002.bin'), content);
    await writeFile(
      join(sharded, 'pytorch_model-00002-of-00002.bin'),
      await readFile(new URL('new-types.bin', fixtures)),
    );
    const [one, two] = ['pytorch_model-00001-of-00002.bin', 'pytorch_model-00002-of-00002.bin'];
    await writeFile(
      join(sharded, 'pytorch_model.bin.index.json'),
      JSON.stringify({ weight_map: { weight: one, bias: one, w: two, v: two } }),
    );
    expect([...(await openCheckpoint(sharded)).tensors.keys()]).toEqual(['weight', 'bias', 'w', 'v']);
    await writeFile(join(path, 'model.safetensors'), '');
    await expect(openCheckpoint(path)).rejects.toThrow(/A safetensors file begins with/);
  });
});

/** Opcodes of a pickle, written by hand. */
const op = {
  global: (module: string, name: string) => `c${module}\n${name}\n`,
  text: (text: string) => `X${u32(text.length)}${text}`,
  stackGlobal: (module: string, name: string) => `${op.text(module)}${op.text(name)}\x93`,
  int: (value: number) => `J${u32(value)}`,
};
const u32 = (value: number) => Buffer.from(Uint32Array.of(value).buffer).toString('latin1');
const u64 = (value: bigint) => Buffer.from(BigUint64Array.of(value).buffer).toString('latin1');
const archive = (pickle: string, files: Record<string, Uint8Array> = {}, level: 0 | 6 = 0) =>
  zipSync({ 'a/data.pkl': Buffer.from(`\x80\x02${pickle}`, 'latin1'), ...addFolder(files) }, { level });
const addFolder = (files: Record<string, Uint8Array>) =>
  Object.fromEntries(Object.entries(files).map(([name, bytes]) => [`a/${name}`, bytes]));

const storage = (count: number, key = '0', type = 'FloatStorage') =>
  `(${op.text('storage')}${op.global('torch', type)}${op.text(key)}${op.text('cpu')}${op.int(count)}tQ`;
const list = (...numbers: number[]) => `(${numbers.map(op.int).join('')}t`;
const tensor = (offset: number, shape: number[], strides: number[], held = storage(4)) =>
  `${op.global('torch._utils', '_rebuild_tensor_v2')}(${held}${op.int(offset)}${list(...shape)}${list(...strides)}\x89)tR`;
const state = (value: string) => `}${op.text('w')}${value}s.`;
const data = { 'data/0': new Uint8Array(Float32Array.of(1, 2, 3, 4).buffer) };

describe('pickles written by hand', () => {
  it('read as torch would have written them', async () => {
    const tensors = await read(archive(state(tensor(1, [3], [1])), data));
    expect([...new Float32Array((await tensors.get('w')!.bytes()).buffer)]).toEqual([2, 3, 4]);
  });

  const system = `${op.text('echo gone')}\x85`;
  const calls: [string, string, RegExp][] = [
    ['GLOBAL and REDUCE', `${op.global('os', 'system')}${system}R.`, /imports "os.system"/],
    ['STACK_GLOBAL', `${op.stackGlobal('posix', 'system')}${system}R.`, /imports "posix.system"/],
    ['STACK_GLOBAL of no texts', 'K\x01K\x02\x93.', /whose name is no text/],
    ['INST', `(${op.text('echo')}ios\nsystem\n.`, /opcode INST/],
    ['OBJ', `(${op.global('os', 'system')}${op.text('echo')}o.`, /imports "os.system"/],
    ['OBJ of an allowed name', `(${op.global('torch', 'FloatStorage')}o.`, /opcode OBJ/],
    ['NEWOBJ', `${op.global('torch', 'Size')})\x81.`, /opcode NEWOBJ/],
    ['NEWOBJ_EX', `${op.global('torch', 'Size')})}\x92.`, /opcode NEWOBJ_EX/],
    ['EXT1', '\x82\x01.', /opcode EXT1/],
    ['an unknown opcode', '\xff.', /opcode 0xff/],
    ['BUILD on a tensor', `${tensor(0, [1], [1])}}b.`, /sets the state of an object/],
    ['a call of a text', `${op.text('os.system')}${system}R.`, /calls something that is no imported name/],
    ['a call of a type', `${op.global('torch', 'float32')}${system}R.`, /calls "torch.float32", which is no function/],
    ['a name of an attribute', `${op.global('torch._utils', '_rebuild_tensor_v2.__globals__')}.`, /imports/],
    ['a name with the dots elsewhere', `${op.global('torch', '_utils._rebuild_tensor_v2')})R.`, /no storage/],
    ['builtins', `${op.global('builtins', 'eval')}.`, /imports "builtins.eval"/],
    ['a name of every object', `${op.global('__proto__', 'constructor')}.`, /imports/],
  ];
  it.each(calls)('%s calls nothing', async (_, pickle, message) => {
    await expect(read(archive(pickle, data))).rejects.toThrow(message);
  });

  const lies: [string, Uint8Array, RegExp][] = [
    ['a text longer than the file', archive(`X${u32(0xffffffff)}abc`), /needs 4294967295 bytes/],
    ['a text of 2^63 bytes', archive(`\x8d${u64(2n ** 63n)}abc`), /cut short or lies/],
    ['a number of 2 GiB', archive(`\x8b${u32(0x7fffffff)}abc`), /number of 2147483647 bytes/],
    ['a number of 255 bytes', archive(`\x8a\xff${'a'.repeat(255)}.`), /number of 255 bytes/],
    ['a memo that is empty', archive('j\xff\xff\xff\xff.'), /memo 4294967295, where nothing was put/],
    ['an empty stack', archive('R.'), /empty stack/],
    ['a mark in the way', archive('(R.'), /empty stack/],
    ['no mark', archive('t.'), /mark that was never set/],
    ['no end', archive('N'), /cut short or lies/],
    ['a key without a value', archive('}(K\x01u.'), /key without a value/],
    ['a list of nothing', archive('].'), /no dictionary of tensors/],
    [
      'a protocol from the future',
      zipSync({ 'a/data.pkl': Buffer.from('\x80\x09.', 'latin1') }, { level: 0 }),
      /protocol 9/,
    ],
    ['a dictionary within itself', archive(`}q\x01${op.text('state_dict')}h\x01s.`), /no dictionary of tensors/],
    ['marks without end', archive(`${'('.repeat(100_000)}.`), /empty stack/],
    ['tuples without end', archive(`)${'\x85'.repeat(100_000)}.`), /no dictionary of tensors/],
    [
      'an offset outside of the storage',
      archive(state(tensor(2, [3], [1])), data),
      /reaches element 5 of the storage "0", which holds 4/,
    ],
    ['a stride outside of the storage', archive(state(tensor(0, [2, 2], [4, 1])), data), /reaches element 6/],
    [
      'a view that repeats one element',
      archive(state(tensor(0, [1_000_000_000], [0])), data),
      /reaches element 1000000000/,
    ],
    [
      'a shape beyond all files',
      archive(state(tensor(0, [0x7fffffff, 0x7fffffff, 0x7fffffff], [0, 0, 0])), data),
      /more than 2\^50/,
    ],
    ['a negative stride', archive(state(tensor(3, [4], [-1])), data), /no lists of at most 32 whole numbers/],
    [
      'a storage larger than its entry',
      archive(state(tensor(0, [5], [1], storage(5))), data),
      /should have 20 bytes, but the archive holds 16/,
    ],
    [
      'a storage that is not there',
      archive(state(tensor(0, [1], [1], storage(4, '../0'))), data),
      /no entry for the storage "..\/0"/,
    ],
    [
      'a storage of complex numbers',
      archive(state(tensor(0, [1], [1], storage(4, '0', 'ComplexFloatStorage'))), data),
      /imports "torch.ComplexFloatStorage"/,
    ],
    [
      'a compressed archive',
      archive(state(tensor(0, [4], [1])), { 'data/0': new Uint8Array(4000) }, 6),
      /is compressed/,
    ],
    [
      'a big-endian archive',
      archive(state(tensor(0, [4], [1])), { ...data, byteorder: Buffer.from('big') }),
      /big-endian/,
    ],
    ['an archive cut short', archive(state(tensor(0, [4], [1])), data).slice(0, -3), /no directory at its end/],
    ['an archive without a pickle', zipSync({ 'a/b': new Uint8Array(1) }, { level: 0 }), /0 entries data.pkl/],
    ['another file', new Uint8Array(100), /neither a zip archive nor a pickle/],
    ['an empty file', new Uint8Array(0), /neither a zip archive nor a pickle/],
    ['another pickle', Buffer.from('\x80\x02K\x01.', 'latin1'), /none that torch.save wrote/],
  ];
  it.each(lies)('%s is refused', async (_, bytes, message) => {
    await expect(read(bytes)).rejects.toThrow(message);
    await expect(read(bytes)).rejects.toThrow(FormatError);
  });

  it('shares what is used again: a memo that doubles sixty times takes no memory and no time', async () => {
    const doubling = Array.from({ length: 60 }, (_, i) => `h${chr(i)}h${chr(i)}\x86q${chr(i + 1)}0`).join('');
    const before = process.memoryUsage().rss;
    const began = performance.now();
    await expect(read(archive(`)q\x000${doubling}h${chr(60)}.`))).rejects.toThrow(/no dictionary of tensors/);
    expect(performance.now() - began).toBeLessThan(2000);
    expect(process.memoryUsage().rss - before).toBeLessThan(64 * 2 ** 20);
  });
});

const chr = (code: number) => String.fromCharCode(code);

describe('archives whose directory lies', () => {
  const whole = Buffer.from(archive(state(tensor(0, [4], [1])), data));
  const end = whole.length - 22;
  const spoil = (change: (bytes: Buffer) => void) => {
    const bytes = Buffer.from(whole);
    change(bytes);
    return bytes;
  };
  const twice = Buffer.from(archive(state(tensor(0, [4], [1])), { ...data, 'data/1': new Uint8Array(1) }));
  twice.write('a/data/0', twice.lastIndexOf('a/data/1'));
  const second = whole.lastIndexOf(Buffer.from('PK\x01\x02', 'latin1'));
  const lies: [string, Buffer, RegExp][] = [
    ['more entries than it has room for', spoil((b) => b.writeUInt16LE(60_000, end + 10)), /number of its entries/],
    ['a directory beyond the file', spoil((b) => b.writeUInt32LE(0xfffffff0, end + 16)), /place of its directory/],
    ['an entry beyond the file', spoil((b) => b.writeUInt32LE(0x7fffffff, second + 42)), /place of "a\/data\/0"/],
    [
      'an entry larger than the file',
      spoil((b) => {
        b.writeUInt32LE(0x7fffffff, second + 20);
        b.writeUInt32LE(0x7fffffff, second + 24);
      }),
      /place of "a\/data\/0"/,
    ],
    ['a name beyond the directory', spoil((b) => b.writeUInt16LE(60_000, second + 28)), /entry 1 of its directory/],
    ['an encrypted entry', spoil((b) => b.writeUInt16LE(1, second + 8)), /encrypted/],
    ['an entry that begins elsewhere', spoil((b) => b.writeUInt32LE(1, second + 42)), /header of "a\/data\/0"/],
    ['one name twice', twice, /holds "a\/data\/0" twice/],
    ['several parts', spoil((b) => b.writeUInt16LE(3, end + 4)), /several parts/],
  ];
  it.each(lies)('%s', async (_, bytes, message) => {
    await expect(read(bytes)).rejects.toThrow(message);
  });
});
