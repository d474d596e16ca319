export * from './adapters/index.ts';
