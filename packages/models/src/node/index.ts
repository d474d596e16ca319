export * from '../formats/node/index.ts';
export * from '../references/node/index.ts';
export { type InspectedModel, inspectModel } from './inspect-model.ts';
export { type OpenModelOptions, openModel } from './open-model.ts';
