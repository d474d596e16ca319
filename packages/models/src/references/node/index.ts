export { parseReference } from '../parse.ts';
export { wheelCatalogue } from '../wheel-catalogue.ts';
export { type FileWriter, type OpenWriter, openWriter } from './file-writer.ts';
export { builtHouseFolder, houseText } from './house.ts';
export { listCachedModels } from './list.ts';
export { besideWeights } from './model-files.ts';
export { resolveReference, type Surroundings } from './resolve.ts';
export { defaultCacheFolder, type HubSettings, hubSettings } from './settings.ts';
