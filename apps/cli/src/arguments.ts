/** Commands and their arguments: one way to make a command, one way to read a number, a reference, a text. */

import { existsSync, statSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { text as readAll } from 'node:stream/consumers';
import type { Weights } from '@working-papers/models';
import { parseReference } from '@working-papers/models/references';
import { type Command, type CommandOptions, InvalidArgumentError, Option } from 'commander';
import { UsageError, usageError } from './problems.ts';

/** A subcommand whose errors are sentences, with examples under its help. */
export function addCommand(
  parent: Command,
  name: string,
  summary: string,
  examples: readonly string[],
  options: CommandOptions = {},
): Command {
  const command = parent.command(name, options).description(summary);
  return sentenceErrors(command, pathOf(command), options.isDefault).addHelpText('after', examplesText(examples));
}

/** Commander's own errors of this command become ours; `standsIn`: it is what its parent does alone. */
export function sentenceErrors(command: Command, path: string, standsIn = false): Command {
  return command.configureOutput({ outputError: () => {} }).exitOverride((error) => {
    throw error.code === 'commander.excessArguments' && standsIn && command.parent!.args[0] !== command.name()
      ? noSuchCommand(command.parent!, command.args[0]!)
      : usageError(error, path);
  });
}

function noSuchCommand(parent: Command, name: string): UsageError {
  const path = pathOf(parent);
  const names = parent.commands.map((command) => command.name()).join(', ');
  return new UsageError(`There is no command "${path} ${name}"; there are ${names}. See "${path} --help".`);
}

export function examplesText(examples: readonly string[]): string {
  return examples.length === 0 ? '' : `\nExamples:\n${examples.map((example) => `  $ ${example}`).join('\n')}`;
}

function pathOf(command: Command): string {
  return command.parent ? `${pathOf(command.parent)} ${command.name()}` : command.name();
}

export const jsonOption = (): Option => new Option('--json', 'print the result as JSON');

/** A parser of whole numbers for commander: "Must be a whole number from 1 to 100." */
export function wholeNumber(least: number, most = Number.MAX_SAFE_INTEGER): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text.trim() !== '' && Number.isInteger(value) && value >= least && value <= most) return value;
    const range = most < Number.MAX_SAFE_INTEGER || value > most ? `from ${least} to ${most}` : `of at least ${least}`;
    throw new InvalidArgumentError(`Give a whole number ${range}.`);
  };
}

export function realNumber(least: number, most: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text.trim() !== '' && value >= least && value <= most) return value;
    throw new InvalidArgumentError(`Give a number from ${least} to ${most}.`);
  };
}

/** A model reference, checked for its form. */
export function modelReference(text: string): string {
  try {
    parseReference(text);
    return text;
  } catch (error) {
    throw new InvalidArgumentError((error as Error).message);
  }
}

export const weightsOption = (otherwise: string, types: readonly Weights[] = ['fp32', 'q4', 'q8', 'int8']): Option =>
  new Option('--weights <type>', `how weights are held and multiplied (default: ${otherwise})`).choices(types);

/** Whether something that is a folder stands there. */
export const isFolder = (path: string): boolean => statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;

/** The text of a file, or of standard input for "-". A file that is not there is a wrong argument. */
export async function textOf(path: string, flag: string): Promise<string> {
  if (path === '-') return readAll(process.stdin);
  if (!existsSync(path)) throw new UsageError(`There is no file "${path}" (${flag}). Give a file that exists, or "-".`);
  if (isFolder(path)) throw new UsageError(`"${path}" (${flag}) is a folder. Give a file, or "-".`);
  try {
    return await readFile(resolve(path), 'utf8');
  } catch (error) {
    throw new UsageError(`The file "${path}" (${flag}) cannot be read: ${(error as Error).message}.`);
  }
}

/** Collects an option that may be given several times. */
export const repeated = (value: string, before: string[] | undefined): string[] => [...(before ?? []), value];
