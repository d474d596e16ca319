/** Parts of a paper in place of the model's, by the names that papers give them. */
import type { Command } from 'commander';

export interface PartOptions {
  attention?: string;
  positions?: string;
  mlp?: string;
  norm?: string;
}

export function addPartOptions(command: Command): Command {
  return command
    .option('--attention <name>', 'another attention, by the name a paper gives it')
    .option('--positions <name>', 'other positions, by name')
    .option('--mlp <name>', 'another MLP, by name')
    .option('--norm <name>', 'another norm, by name');
}

/** The parts that were named: `{ attention: 'lm-infinite' }`. */
export function partsOf({ attention, positions, mlp, norm }: PartOptions): Record<string, string> {
  return Object.fromEntries(
    Object.entries({ attention, positions, mlp, norm }).filter(
      (entry): entry is [string, string] => entry[1] !== undefined,
    ),
  );
}
