/**
 * Everything the database knows: the shelf, its papers and claims, imports, search. Node only.
 *
 * ```ts
 * const library = await openLibrary({ dataFolder: './data' });
 * await importPage(library, page, { source: 'daily-papers.txt', now: new Date() });
 * const { results } = await search(library, 'make batches of prompts of uneven length faster', {});
 * ```
 */
export { makeDataFolder } from './database/data-folder.ts';
export { type Connection, type Library, libraryStatus, type OpenLibraryOptions, openLibrary } from './database/open.ts';
export { startOwner } from './database/owner-process.ts';
export { isDay } from './days.ts';
export {
  type EncoderProcessOptions,
  encoderClient,
  ensureEncoder,
  searchEncoder,
  startEncoder,
} from './encoder/index.ts';
export { citation } from './papers/citation.ts';
export { families, getPaper, type LedgerClaim, listClaims, paperByArxiv } from './papers/detail.ts';
export { type ImportOptions, importPage, listImports, type PastImport } from './papers/import.ts';
export { ListError, listPapers } from './papers/list.ts';
export { PageError, type PagePaper, type ParsedPage, parsePage } from './papers/page.ts';
export { type RegistrationReport, registerPapers } from './papers/registration.ts';
export * as schema from './schema.ts';
export { SearchError } from './search/filters.ts';
export { recognise } from './search/recognise.ts';
export { search } from './search/search.ts';
export { similarPapers } from './search/similar.ts';
export * from './types.ts';
