/** What training needs of the machine: data sets in files. */
export * from './data/index.ts';
