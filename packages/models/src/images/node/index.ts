export { decodeImage, readImage } from './decode.ts';
export { readPixels } from './read-pixels.ts';
