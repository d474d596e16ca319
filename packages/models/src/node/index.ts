export * from '../formats/node/index.ts';
export * from '../references/node/index.ts';
export { type OpenModelOptions, openModel } from './open-model.ts';
