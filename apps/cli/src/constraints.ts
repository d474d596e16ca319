/** What generated text is held to, as it is asked for on the command line. */
import type { TokenConstraint } from '@working-papers/models';
import type { Command } from 'commander';
import { textOf } from './arguments.ts';
import { UsageError } from './problems.ts';

export interface ConstraintOptions {
  jsonSchema?: string;
  regex?: string;
  choices?: string;
}

export function addConstraintOptions(command: Command): Command {
  return command
    .option('--json-schema <file>', 'JSON that validates under the schema in this file, nothing else')
    .option('--regex <pattern>', 'text that as a whole matches this regular expression, nothing else')
    .option('--choices <texts>', 'one of these texts, parted by commas');
}

export async function constraintOf(options: ConstraintOptions): Promise<TokenConstraint | undefined> {
  const { jsonSchema, regex, choices } = options;
  const given = [jsonSchema, regex, choices].filter((value) => value !== undefined).length;
  if (given > 1) throw new UsageError('Give one of --json-schema, --regex and --choices.');
  if (given === 0) return undefined;
  const { choicesConstraint, jsonSchemaConstraint, regexConstraint } = await import('@working-papers/models');
  if (jsonSchema !== undefined) {
    const text = await textOf(jsonSchema, '--json-schema');
    return held('--json-schema', () => jsonSchemaConstraint(parsed(text, jsonSchema)));
  }
  if (regex !== undefined) return held('--regex', () => regexConstraint(regex));
  return held('--choices', () => choicesConstraint(choices!.split(',')));
}

function held(flag: string, make: () => TokenConstraint): TokenConstraint {
  try {
    return make();
  } catch (error) {
    throw new UsageError(`${flag}: ${(error as Error).message}`);
  }
}

function parsed(text: string, file: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new Error(`The file "${file}" is not JSON. Give a JSON schema.`);
  }
}
