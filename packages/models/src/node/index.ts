export { openModel, type OpenModelOptions } from './open-model.ts';
export * from '../formats/node/index.ts';
export * from '../references/node/index.ts';
