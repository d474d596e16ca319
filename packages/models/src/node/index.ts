export * from '../formats/node/index.ts';
export * from '../images/node/index.ts';
export * from '../references/node/index.ts';
export { loadCache, saveCache } from './cache-file.ts';
export { type InspectedModel, inspectModel } from './inspect-model.ts';
export { type OpenModelOptions, openModel } from './open-model.ts';
export { openTokenizer } from './open-tokenizer.ts';
export { loadPrefixes, savePrefixes } from './prefix-file.ts';
export {
  checkPlace,
  type SavedModel,
  type SaveModelOptions,
  type SaveOptions,
  saveGguf,
  saveHuggingFace,
  saveModel,
  saveOnnx,
} from './save-model.ts';
export { openTensorFile, type TensorFile } from './tensor-file.ts';
export { writeFolder } from './write-folder.ts';
export { writeWhole } from './write-whole.ts';
