/** What training needs of the machine: data sets and adapters in files, and its own state in one. */
export * from './adapters/index.ts';
export { loadCheckpoint, saveCheckpoint } from './checkpoint-file.ts';
export * from './data/index.ts';
export * from './tasks/index.ts';
