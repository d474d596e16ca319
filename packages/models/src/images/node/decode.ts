import { readFile, stat } from 'node:fs/promises';
import type { Metadata, Sharp } from 'sharp';
import { ofInks, overWhite } from '../colour.ts';
import { type Image, ImageError, mostPixels } from '../types.ts';

/** The largest file that is read. */
const mostBytes = 2 ** 28;

/** Formats that are read, by the first bytes of their files; whatever a file is called. */
const formats: readonly [name: string, begins: (bytes: Buffer) => boolean][] = [
  ['png', (bytes) => bytes.subarray(0, 8).equals(Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'))],
  ['jpeg', (bytes) => bytes.subarray(0, 3).equals(Buffer.from('\xff\xd8\xff', 'latin1'))],
  ['webp', (bytes) => bytes.toString('latin1', 0, 4) === 'RIFF' && bytes.toString('latin1', 8, 12) === 'WEBP'],
  ['gif', (bytes) => /^GIF8[79]a/.test(bytes.toString('latin1', 0, 6))],
  ['tiff', (bytes) => /^(II\*\0|MM\0\*)/.test(bytes.toString('latin1', 0, 4))],
];

/**
 * An image out of a file: PNG, JPEG, WebP, GIF (its first frame) or TIFF. It is turned as its EXIF orientation says, laid over
 * white where it is transparent, and a colour profile is left aside, as transformers' processors do; of 16 bits a channel the
 * upper 8 are taken. Rejects with a sentence when the file is something else, is damaged, or claims more than
 * {@link mostPixels}, before pixels are allocated.
 */
export async function readImage(path: string): Promise<Image> {
  return decodeImage(await readBytes(path), path);
}

/** The same of bytes in memory; `name` is what sentences call it. */
export async function decodeImage(bytes: Uint8Array, name = 'The image'): Promise<Image> {
  const content = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const format = formats.find(([, begins]) => begins(content))?.[0];
  if (!format) throw new ImageError(`${name} is no image that is read here; read are PNG, JPEG, WebP, GIF and TIFF.`);
  try {
    const metadata = await (await open(content, false)).metadata();
    checkSize(metadata, name);
    return await decoded(content, metadata);
  } catch (error) {
    if (error instanceof ImageError) throw error;
    const reason = (error as Error).message.split('\n')[0]!.replaceAll(/\s+/g, ' ').slice(0, 160);
    throw new ImageError(`${name} cannot be read as ${format.toUpperCase()}: ${reason}.`, { cause: error });
  }
}

/** Headers alone may claim any size, so that a sentence can name it. The decoders are loaded with the first image. */
async function open(content: Buffer, limitInputPixels: number | false = mostPixels): Promise<Sharp> {
  const { default: sharp } = await import('sharp');
  return sharp(content, { failOn: 'error', limitInputPixels, ignoreIcc: true, sequentialRead: true });
}

function checkSize({ width, height }: Metadata, name: string): void {
  if (width * height <= mostPixels) return;
  throw new ImageError(
    `${name} claims ${width} x ${height} pixels; at most ${mostPixels} in all are read. Make it smaller.`,
  );
}

async function decoded(content: Buffer, { space, depth }: Metadata): Promise<Image> {
  if (depth !== 'uchar' && depth !== 'ushort')
    throw new ImageError(`Images of type '${depth}' are not read, only 8 and 16 bits a channel.`);
  const turned = (await open(content)).autoOrient();
  const inks = space === 'cmyk';
  const plain = inks ? turned.pipelineColourspace('cmyk').toColourspace('cmyk') : turned.toColourspace('srgb');
  const { data, info } = await plain.raw({ depth: 'uchar' }).toBuffer({ resolveWithObject: true });
  const { width, height, channels } = info;
  if (channels === 3) return { width, height, data };
  return { width, height, data: inks ? ofInks(data) : overWhite(data) };
}

/** A file's bytes; a sentence where it cannot be read or is too large. */
export async function readBytes(path: string): Promise<Buffer> {
  try {
    const found = await stat(path);
    if (!found.isFile()) throw new ImageError(`${path} is not a file.`);
    if (found.size > mostBytes) throw new ImageError(`${path} has ${found.size} bytes; at most ${mostBytes} are read.`);
    return await readFile(path);
  } catch (error) {
    if (error instanceof ImageError) throw error;
    throw new ImageError(`${path} cannot be opened (${(error as NodeJS.ErrnoException).code}).`, { cause: error });
  }
}
