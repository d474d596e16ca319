/** What training needs of the machine: data sets in files, and its own state in one. */
export { type Beside, loadCheckpoint, saveCheckpoint } from './checkpoint-file.ts';
export * from './data/index.ts';
