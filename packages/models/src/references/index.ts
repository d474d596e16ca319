export { formatReference, isSafeRelativePath, ModelReferenceError, parseReference } from './parse.ts';
export type { CachedModel, ModelReference, Progress, ResolvedReference, ResolveOptions } from './types.ts';
export { type CataloguedWheel, wheelCatalogue } from './wheel-catalogue.ts';
