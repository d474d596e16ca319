export { openAdaptedModel } from './open-adapted-model.ts';
export { openAdapter } from './open-adapter.ts';
export { saveAdapter } from './save-adapter.ts';
