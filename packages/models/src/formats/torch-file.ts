import { byteLengthOf, elementBytes, elementCount, show } from './element-types.ts';
import { FormatError } from './format-error.ts';
import { PickleGlobal, type PickleRules, unpickle } from './pickle.ts';
import type { PlainType } from './types.ts';

/**
 * What `torch.save` wrote of a dictionary of tensors, read without running any of it. Tensors are made by the few names
 * below; whatever else a pickle imports is refused. Source of the layout: torch/serialization.py and torch/_utils.py.
 */

/** A tensor as a view of a storage: places and strides count elements. */
export interface TorchTensor {
  name: string;
  storage: TorchStorage;
  type: PlainType;
  shape: readonly number[];
  strides: readonly number[];
  offset: number;
  count: number;
}

/** Bytes that tensors are views of, by the key that names them in the file. */
export interface TorchStorage {
  key: string;
  bytes: number;
}

const storageTypes: Record<string, PlainType> = {
  'torch.DoubleStorage': 'F64',
  'torch.FloatStorage': 'F32',
  'torch.HalfStorage': 'F16',
  'torch.BFloat16Storage': 'BF16',
  'torch.LongStorage': 'I64',
  'torch.IntStorage': 'I32',
  'torch.ShortStorage': 'I16',
  'torch.CharStorage': 'I8',
  'torch.ByteStorage': 'U8',
  'torch.BoolStorage': 'BOOL',
  'torch.storage.UntypedStorage': 'U8',
};

const dataTypes: Record<string, PlainType> = {
  'torch.float64': 'F64',
  'torch.float32': 'F32',
  'torch.float16': 'F16',
  'torch.bfloat16': 'BF16',
  'torch.float8_e4m3fn': 'F8_E4M3',
  'torch.float8_e5m2': 'F8_E5M2',
  'torch.int64': 'I64',
  'torch.int32': 'I32',
  'torch.int16': 'I16',
  'torch.int8': 'I8',
  'torch.uint64': 'U64',
  'torch.uint32': 'U32',
  'torch.uint16': 'U16',
  'torch.uint8': 'U8',
  'torch.bool': 'BOOL',
};

type MadeTensor = Omit<TorchTensor, 'name'>;

/** What a name that may be called gives. */
const makers: Record<string, (args: readonly unknown[]) => unknown> = {
  'collections.OrderedDict': (args) => {
    if (args.length > 0) throw new FormatError('The pickle fills a dictionary in a way that is not read here.');
    return new Map();
  },
  'torch._utils._rebuild_tensor': ([storage, offset, shape, strides]) => viewOf(storage, offset, shape, strides),
  'torch._utils._rebuild_tensor_v2': ([storage, offset, shape, strides]) => viewOf(storage, offset, shape, strides),
  'torch._utils._rebuild_tensor_v3': ([storage, offset, shape, strides, , , type]) =>
    viewOf(storage, offset, shape, strides, type),
  'torch._utils._rebuild_parameter': ([data]) => {
    if (!isTensor(data)) throw new FormatError('The pickle makes a parameter of something that is no tensor.');
    return data;
  },
  'torch.Size': ([shape]) => shape,
  'torch.device': () => null,
};

const allowed = new Set([...Object.keys(makers), ...Object.keys(storageTypes), ...Object.keys(dataTypes)]);

class Storage implements TorchStorage {
  readonly key: string;
  readonly type: PlainType;
  readonly bytes: number;
  constructor(key: string, type: PlainType, bytes: number) {
    this.key = key;
    this.type = type;
    this.bytes = bytes;
  }
}

const tensors = new WeakSet<object>();
const isTensor = (value: unknown): value is MadeTensor =>
  typeof value === 'object' && value !== null && tensors.has(value);

function viewOf(storage: unknown, offset: unknown, shape: unknown, strides: unknown, dtype?: unknown): MadeTensor {
  if (!(storage instanceof Storage))
    throw new FormatError('The pickle makes a tensor of something that is no storage.');
  let type = storage.type;
  if (dtype !== undefined) {
    const named =
      dtype instanceof PickleGlobal && Object.hasOwn(dataTypes, dtype.name) ? dataTypes[dtype.name] : undefined;
    if (!named) throw new FormatError('The pickle makes a tensor of a type that is not read here.');
    type = named;
  }
  if (!isSizes(shape) || !isSizes(strides) || shape.length !== strides.length || shape.length > 32)
    throw new FormatError(
      'The pickle makes a tensor whose shape and strides are no lists of at most 32 whole numbers.',
    );
  if (!isSize(offset)) throw new FormatError('The pickle makes a tensor whose offset is no whole number from 0.');
  const count = elementCount(shape, storage.key);
  const last = count === 0 ? 0 : offset + shape.reduce((sum, size, axis) => sum + (size - 1) * strides[axis]!, 0) + 1;
  const held = Math.floor(storage.bytes / elementBytes[type]);
  // A view may repeat elements (stride 0); one that is larger than its storage would take memory that no file backs.
  if (last > held || count > held) {
    throw new FormatError(
      `A tensor of shape [${shape.join(', ')}] reaches element ${Math.max(last, count)} of the storage ${show(storage.key)}, which holds ${held}.`,
    );
  }
  const tensor = { storage, type, shape, strides, offset, count };
  tensors.add(tensor);
  return tensor;
}

const isSize = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;
const isSizes = (value: unknown): value is number[] => Array.isArray(value) && value.every(isSize);

/** The rules by which the object of a file is read. */
const torchRules: PickleRules = {
  allow(name) {
    if (allowed.has(name)) return;
    throw new FormatError(
      `The pickle imports ${show(name)}, which is none of the tensor classes that are read; a pickle can run any program, so it was not followed. Convert the model to safetensors (model.save_pretrained(folder, safe_serialization=True)) where you trust it.`,
    );
  },
  reduce(name, args) {
    if (!Object.hasOwn(makers, name)) throw new FormatError(`The pickle calls ${show(name)}, which is no function.`);
    return makers[name]!(args);
  },
  persistent(id) {
    const [kind, type, key, , count] = Array.isArray(id) ? id : [];
    if (kind !== 'storage' || !(type instanceof PickleGlobal) || typeof key !== 'string' || !isSize(count))
      throw new FormatError('The pickle refers to an object outside of it that is no storage of a tensor.');
    if (!Object.hasOwn(storageTypes, type.name))
      throw new FormatError(`The pickle has a storage of ${show(type.name)}.`);
    if (Array.isArray(id) && id.length > 5 && id[5] !== null)
      throw new FormatError(
        'The pickle has a view of a storage, as torch wrote before 0.4; convert it to safetensors.',
      );
    const element = storageTypes[type.name]!;
    return new Storage(key, element, byteLengthOf(element, elementCount([count], key)));
  },
};

/** Rules for the small pickles around the object: plain data, nothing imported. */
const plainRules: PickleRules = {
  ...torchRules,
  persistent() {
    throw new FormatError('The file is no PyTorch file: its head refers to objects outside of it.');
  },
};

/** {@link torchRules} that keep every storage by its key; one key has one size. */
function collecting(storages: Map<string, TorchStorage>): PickleRules {
  return {
    ...torchRules,
    persistent(id) {
      const storage = torchRules.persistent(id) as Storage;
      const before = storages.get(storage.key);
      if (before && before.bytes !== storage.bytes)
        throw new FormatError(`The pickle gives the storage ${show(storage.key)} two sizes.`);
      storages.set(storage.key, storage);
      return storage;
    },
  };
}

/** The tensors of `data.pkl`, the object of a zip file that torch.save wrote. */
export const readObject = (pickle: Uint8Array): TorchTensor[] => stateDictionary(unpickle(pickle, 0, torchRules).value);

/** Where people put the dictionary of tensors inside of a checkpoint. */
const nests = ['state_dict', 'model_state_dict', 'model', 'module'];

/** The tensors of the object that a file holds, a dictionary of tensors or one that holds it under a usual name. */
function stateDictionary(value: unknown): TorchTensor[] {
  for (let inner = value, depth = 0; depth < 4; depth++) {
    if (!(inner instanceof Map)) break;
    const found: TorchTensor[] = [];
    for (const [name, tensor] of inner)
      if (typeof name === 'string' && isTensor(tensor)) found.push({ ...tensor, name });
    if (found.length > 0) return found;
    const nest = nests.find((key) => inner instanceof Map && inner.get(key) instanceof Map);
    inner = nest && inner.get(nest);
  }
  throw new FormatError(
    `The PyTorch file holds no dictionary of tensors (looked in itself and in ${nests.join(', ')}).`,
  );
}

/** The number that a file of torch before 1.6 begins with, as a pickle. */
const legacyMagic = 0x1950a86a20f9469cfc6cn;

/** Whether a file's first bytes are those of a pickle (protocol 2 and later). */
export const beginsAsPickle = (first: Uint8Array): boolean => first[0] === 0x80 && first[1]! <= 5;

/**
 * A file as torch wrote it before 1.6: pickles of a magic number, a version, the writer's machine, the object and the list of
 * storage keys, then each storage as its element count (int64) and its bytes. `storages` are in the file's order from `start` on.
 * Throws {@link PickleGoesOn} when `bytes`, the beginning of the file, end too soon.
 */
export function readLegacy(
  bytes: Uint8Array,
  whole: boolean,
): { tensors: TorchTensor[]; storages: TorchStorage[]; start: number } {
  const magic = unpickle(bytes, 0, plainRules, whole);
  if (magic.value !== legacyMagic) {
    throw new FormatError(
      'The file is a Python pickle, but none that torch.save wrote of tensors; pickles of other things are not read. Convert the model to safetensors.',
    );
  }
  const version = unpickle(bytes, magic.end, plainRules, whole);
  if (version.value !== 1001)
    throw new FormatError(`The PyTorch file has the version ${show(String(version.value))}; 1001 is read.`);
  const system = unpickle(bytes, version.end, plainRules, whole);
  if (!(system.value instanceof Map) || system.value.get('little_endian') !== true)
    throw new FormatError('The PyTorch file is not little-endian; other ones are not read.');
  const storages = new Map<string, TorchStorage>();
  const object = unpickle(bytes, system.end, collecting(storages), whole);
  const keys = unpickle(bytes, object.end, plainRules, whole);
  if (!Array.isArray(keys.value) || !keys.value.every((key) => typeof key === 'string'))
    throw new FormatError('The PyTorch file has no list of its storages.');
  const ordered = keys.value.map((key) => {
    const storage = storages.get(key);
    if (!storage)
      throw new FormatError(`The PyTorch file holds the storage ${show(key)}, which no tensor is a view of.`);
    return storage;
  });
  return { tensors: stateDictionary(object.value), storages: ordered, start: keys.end };
}
