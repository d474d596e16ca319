/** Every command and where it is made, in the order of `papers --help`. */
import type { Command } from 'commander';
import type { Terminal } from '../terminal.ts';

type Add = (program: Command, terminal: Terminal) => void;

export const commands: Readonly<Record<string, () => Promise<Add>>> = {
  import: async () => (await import('./import.ts')).addImport,
  search: async () => (await import('./search.ts')).addSearch,
  show: async () => (await import('./show.ts')).addShow,
  run: async () => (await import('./run.ts')).addRun,
  runs: async () => (await import('./runs.ts')).addRuns,
  models: async () => (await import('./models.ts')).addModels,
  generate: async () => (await import('./generate.ts')).addGenerate,
  embed: async () => (await import('./embed.ts')).addEmbed,
  classify: async () => (await import('./classify.ts')).addClassify,
  'fill-mask': async () => (await import('./fill-mask.ts')).addFillMask,
  'classify-image': async () => (await import('./classify-image.ts')).addClassifyImage,
  similarity: async () => (await import('./similarity.ts')).addSimilarity,
  logits: async () => (await import('./logits.ts')).addLogits,
  score: async () => (await import('./score.ts')).addScore,
  activations: async () => (await import('./activations.ts')).addActivations,
  perplexity: async () => (await import('./perplexity.ts')).addPerplexity,
  train: async () => (await import('./train.ts')).addTrain,
  tokenize: async () => (await import('./tokenize.ts')).addTokenize,
  serve: async () => (await import('./serve.ts')).addServe,
  'serve-model': async () => (await import('./serve-model.ts')).addServeModel,
  worker: async () => (await import('./worker.ts')).addWorker,
};
