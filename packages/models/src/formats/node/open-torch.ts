import { elementBytes, show } from '../element-types.ts';
import { FormatError } from '../format-error.ts';
import { PickleGoesOn } from '../pickle.ts';
import { beginsAsPickle, readLegacy, readObject, type TorchTensor } from '../torch-file.ts';
import type { WeightTensor } from '../types.ts';
import { entryStart, readZipDirectory, type ZipEntry } from '../zip-directory.ts';
import { stridedTensor } from './file-tensor.ts';
import type { WeightFile } from './weight-file.ts';

/** Longest pickle that is read; one of a thousand tensors has about 100 kB. */
const longestPickle = 100_000_000;

/**
 * The tensors of a PyTorch file (`pytorch_model.bin`), whether a zip archive or the pickles of torch before 1.6; nothing of
 * the file is run. Tensors that share their storage whole are one weight: all but the first name it in `alias`.
 */
export async function readTorch(file: WeightFile): Promise<Map<string, WeightTensor>> {
  const first = await file.read(0, Math.min(4, file.bytes));
  if (beginsAsPickle(first)) return readPickles(file);
  if (first[0] === 0x50 && first[1] === 0x4b) return readArchive(file);
  throw new FormatError('The file is neither a zip archive nor a pickle: it is no PyTorch file.');
}

async function readArchive(file: WeightFile): Promise<Map<string, WeightTensor>> {
  const read = (start: number, end: number) => file.read(start, end);
  const entries = await readZipDirectory(read, file.bytes);
  const names = [...entries.keys()];
  const pickles = names.filter((name) => /^[^/]+\/data\.pkl$/.test(name));
  if (pickles.length !== 1)
    throw new FormatError(`The archive has ${pickles.length} entries data.pkl; torch.save writes one.`);
  const folder = pickles[0]!.slice(0, -'data.pkl'.length);
  if (names.some((name) => name === `${folder}constants.pkl` || name.startsWith(`${folder}code/`))) {
    throw new FormatError(
      'The file is a TorchScript archive, a program with its weights; take the state dictionary of the model, or convert it to safetensors.',
    );
  }
  const bytesOf = async (entry: ZipEntry, most: number) => {
    if (entry.bytes > most) throw new FormatError(`${entry.name} has ${entry.bytes} bytes; at most ${most} are read.`);
    const start = await entryStart(read, file.bytes, entry);
    return read(start, start + entry.bytes);
  };
  const order = entries.get(`${folder}byteorder`);
  if (order && new TextDecoder().decode(await bytesOf(order, 64)).trim() !== 'little')
    throw new FormatError('The PyTorch file is big-endian; only little-endian ones are read.');
  const tensors = readObject(await bytesOf(entries.get(pickles[0]!)!, longestPickle));
  const starts = new Map<string, number>();
  for (const { storage } of tensors) {
    if (starts.has(storage.key)) continue;
    const entry = entries.get(`${folder}data/${storage.key}`);
    if (!entry) throw new FormatError(`The archive has no entry for the storage ${show(storage.key)}.`);
    starts.set(storage.key, await entryStart(read, file.bytes, entry));
  }
  for (const { storage, name } of tensors) {
    const held = entries.get(`${folder}data/${storage.key}`)!.bytes;
    if (held < storage.bytes) {
      throw new FormatError(
        `The storage of tensor ${show(name)} should have ${storage.bytes} bytes, but the archive holds ${held}.`,
      );
    }
  }
  return placed(file, tensors, starts);
}

async function readPickles(file: WeightFile): Promise<Map<string, WeightTensor>> {
  const { tensors, storages, start } = await readHead(file);
  const starts = new Map<string, number>();
  let place = start;
  for (const { key, bytes } of storages) {
    if (place + 8 + bytes > file.bytes) {
      throw new FormatError(
        `The storage ${show(key)} should have ${bytes} bytes at ${place + 8}, but the file ends at ${file.bytes}.`,
      );
    }
    starts.set(key, place + 8);
    place += 8 + bytes;
  }
  const missing = tensors.find(({ storage }) => !starts.has(storage.key));
  if (missing) throw new FormatError(`The file lists no storage for the tensor ${show(missing.name)}.`);
  return placed(file, tensors, starts);
}

/** Reads as much of the beginning as the pickles need: first 1 MiB, then twice as much each time. */
async function readHead(file: WeightFile): Promise<ReturnType<typeof readLegacy>> {
  const most = Math.min(file.bytes, longestPickle);
  for (let length = Math.min(most, 2 ** 20); ; length = Math.min(most, length * 2)) {
    try {
      return readLegacy(await file.read(0, length), length === most);
    } catch (error) {
      if (!(error instanceof PickleGoesOn)) throw error;
    }
  }
}

function placed(file: WeightFile, tensors: TorchTensor[], starts: Map<string, number>): Map<string, WeightTensor> {
  const weights = new Map<string, WeightTensor>();
  const firsts = new Map<string, string>();
  for (const { name, storage, type, shape, strides, offset, count } of tensors) {
    const view = [storage.key, offset, type, ...shape, ...strides].join(' ');
    const alias = firsts.get(view);
    if (alias === undefined) firsts.set(view, name);
    const start = starts.get(storage.key)! + offset * elementBytes[type];
    weights.set(name, {
      ...stridedTensor(file, { name, type, shape, strides, count, start }),
      ...(alias === undefined ? {} : { alias }),
    });
  }
  return weights;
}
