export { parseNpy } from './npy.ts';
export { preprocess } from './preprocess.ts';
export { preprocessingOf } from './preprocessor-config.ts';
export { resample } from './resample.ts';
export { type Filter, type Image, ImageError, mostPixels, type Pixels, type Preprocessing } from './types.ts';
