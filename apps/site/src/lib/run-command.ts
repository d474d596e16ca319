/** The command and the TypeScript that do what a filled-in form does; kept in step with it. */
import type { Field } from '@working-papers/methods';

export type FormValues = Record<string, string | string[] | boolean>;

const kebab = (name: string) => name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
const quoted = (text: string) => (/^[\w./:@=+-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`);

/** What a form shows at first: a field's default as text. */
export function initialValues(fields: readonly Field[]): FormValues {
  return Object.fromEntries(
    fields.map((field) => {
      if (field.type === 'boolean') return [field.name, field.default === true];
      if (field.type === 'array') return [field.name, ((field.default as unknown[] | undefined) ?? []).map(String)];
      return [field.name, field.default === undefined ? '' : String(field.default)];
    }),
  );
}

/**
 * What was sent or run before, as a form shows it again: `raw` is a form's own entries (then an unticked box is one that is not there)
 * or a run's parameters.
 */
export function valuesFrom(fields: readonly Field[], raw: Record<string, unknown>): FormValues {
  const sent = raw.present !== undefined;
  const text = (value: unknown) =>
    typeof value === 'object' ? JSON.stringify(value) : String(value).replaceAll('\r\n', '\n');
  const initial = initialValues(fields);
  return Object.fromEntries(
    fields.map((field) => {
      const value = raw[field.name];
      if (value === undefined || value === null) {
        // An unticked box sends nothing, so in what a form sent its absence is an answer.
        if (sent && field.type === 'boolean') return [field.name, false];
        if (sent && field.type === 'array') return [field.name, []];
        return [field.name, initial[field.name] ?? ''];
      }
      if (field.type === 'boolean') return [field.name, value === true || value === 'true'];
      if (field.type === 'array') return [field.name, (Array.isArray(value) ? value : [value]).map(text)];
      return [field.name, text(value)];
    }),
  );
}

const same = (a: unknown, b: unknown) => JSON.stringify(a) === JSON.stringify(b);

export interface CommandParts {
  head: string;
  /** `value` begins with what stands between it and its flag. */
  flags: { flag: string; value?: string }[];
}

/** The command in pieces; `commandFor` puts them together. Fields that hold their default are left out. */
export function commandParts(
  slug: string,
  action: string | undefined,
  fields: readonly Field[],
  values: FormValues,
  seed: string,
): CommandParts {
  const initial = initialValues(fields);
  // A value that begins with a dash would be read as a flag.
  const after = (text: string) => (text.startsWith('-') ? `=${quoted(text)}` : ` ${quoted(text)}`);
  const flags = fields.flatMap((field): CommandParts['flags'] => {
    const value = values[field.name];
    if (value === undefined || value === '' || same(value, initial[field.name])) return [];
    const flag = `--${kebab(field.name)}`;
    if (typeof value === 'boolean') return [{ flag: value ? flag : `--no-${kebab(field.name)}` }];
    return [value].flat().map((item) => ({ flag, value: after(item) }));
  });
  // Always: without one the command draws a seed, and would be another run than the form's.
  flags.push({ flag: '--seed', value: after(seed === '' ? '0' : seed) });
  return { head: ['npx papers run', slug, ...(action ? [action] : [])].join(' '), flags };
}

export function commandFor(...form: Parameters<typeof commandParts>): string {
  const { head, flags } = commandParts(...form);
  return [head, ...flags.map(({ flag, value = '' }) => flag + value)].join(' \\\n  ');
}

export function typescriptFor(
  slug: string,
  action: string | undefined,
  fields: readonly Field[],
  values: FormValues,
  seed: string,
): string {
  const initial = initialValues(fields);
  const given: Record<string, unknown> = action ? { action } : {};
  for (const field of fields) {
    const value = values[field.name];
    if (value === undefined || value === '' || same(value, initial[field.name])) continue;
    given[field.name] = field.type === 'number' || field.type === 'integer' ? Number(value) : value;
  }
  return `import { openLibrary } from '@working-papers/library';
import { createRun, followEvents, startWorker } from '@working-papers/runs';

const library = await openLibrary({ dataFolder: 'data' });
const run = await createRun(library, {
  slug: '${slug}',
  parameters: ${JSON.stringify(given)},
  seed: ${Number(seed) || 0},
});
const worker = await startWorker(library, { dataFolder: 'data', only: run.id });
for await (const { event } of followEvents(library, run.id, 0))
  console.log(event);
await worker.stop();
await library.close();`;
}
