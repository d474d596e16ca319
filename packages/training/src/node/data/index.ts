export { type DataFile, type DataFormat, findDataFiles } from './data-files.ts';
export { type Dataset, type DatasetOptions, openDataset } from './dataset.ts';
export { fileBytes } from './file-bytes.ts';
export { type Passage, type TextFormat, type TextOptions, type TextRow, textFormats } from './text-formats.ts';
