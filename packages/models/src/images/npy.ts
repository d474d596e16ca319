import { ImageError, type Pixels } from './types.ts';

/** Numbers of an array at most. */
const mostNumbers = 2 ** 28;

/** Element types that are read: bytes each, and how one is read. */
const types: Record<string, [bytes: number, read: (view: DataView, at: number) => number]> = {
  '<f4': [4, (view, at) => view.getFloat32(at, true)],
  '<f8': [8, (view, at) => view.getFloat64(at, true)],
  '|u1': [1, (view, at) => view.getUint8(at)],
};

/**
 * An array as NumPy saves it (`.npy`, versions 1 to 3), in float32: float32, float64 or uint8 in C order. Of an image without
 * the axis of images, `[channels, height, width]`, one is made. Throws a sentence for anything else; nothing is allocated
 * beyond four bytes a number that is really there.
 */
export function parseNpy(bytes: Uint8Array): Pixels {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const { header, start } = headerOf(bytes, view);
  const type = /'descr'\s*:\s*'([^']{1,16})'/.exec(header)?.[1];
  const order = /'fortran_order'\s*:\s*(True|False)/.exec(header)?.[1];
  const sizes = /'shape'\s*:\s*\(([\d\s,]*)\)/.exec(header)?.[1];
  if (type === undefined || order === undefined || sizes === undefined)
    throw new ImageError('The .npy header does not say type, order and shape.');
  if (!Object.hasOwn(types, type))
    throw new ImageError(`The .npy array has the type '${type}'; read are float32, float64 and uint8.`);
  if (order === 'True')
    throw new ImageError('The .npy array is in Fortran order; save it with numpy.ascontiguousarray.');
  const shape = sizes
    .split(',')
    .filter((size) => size.trim() !== '')
    .map(Number);
  const [width, read] = types[type]!;
  const count = shape.reduce((product, size) => product * size, 1);
  if (shape.length > 8 || shape.some((size) => size < 1) || count > mostNumbers) {
    throw new ImageError(
      `The .npy array has the shape [${shape.slice(0, 8).join(', ')}]; at most ${mostNumbers} numbers are read.`,
    );
  }
  if (bytes.length - start !== count * width) {
    throw new ImageError(
      `The .npy array [${shape.join(', ')}] needs ${count * width} bytes; the file has ${bytes.length - start}.`,
    );
  }
  const data = new Float32Array(count);
  for (let i = 0; i < count; i++) data[i] = read(view, start + i * width);
  return { shape: shape.length === 3 ? [1, ...shape] : shape, data };
}

function headerOf(bytes: Uint8Array, view: DataView): { header: string; start: number } {
  const magic = String.fromCharCode(...bytes.subarray(0, 6));
  const version = bytes[6];
  if (magic !== '\u0093NUMPY' || version === undefined || version < 1 || version > 3 || bytes.length < 12)
    throw new ImageError('This is no .npy file: it does not begin as NumPy writes them.');
  const [length, at] = version === 1 ? [view.getUint16(8, true), 10] : [view.getUint32(8, true), 12];
  if (length > 2 ** 16 || at + length > bytes.length)
    throw new ImageError(
      `The .npy header claims ${length} bytes; at most 65,536 are read, and the file has ${bytes.length}.`,
    );
  return { header: new TextDecoder('latin1').decode(bytes.subarray(at, at + length)), start: at + length };
}
