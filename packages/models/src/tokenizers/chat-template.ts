import { Environment, Interpreter, Template } from '@huggingface/jinja';
import { strftime } from './strftime.ts';
import type { ChatMessage } from './types.ts';

/** A template comes with a model's files, so it may be hostile: bounds far above what the templates of real models need. */
export const templateLimits = {
  /** Characters of the template itself, and of white space in one piece, over which the library takes quadratic time. */
  source: 100_000,
  space: 1_000,
  /** Evaluated expressions, plus one for every 8 elements of a list and every 64 characters of a text that one gives. */
  steps: 1_000_000,
  milliseconds: 3_000,
  /** Elements of any list. */
  elements: 100_000,
  /** Characters of any text on the way, beside eight times those of the messages. */
  characters: 1_000_000,
} as const;

/** What the library's types say of these two, but not where packages are resolved as Node does. */
interface Scope {
  set(name: string, value: unknown): unknown;
}
interface Evaluation {
  run(program: unknown): { value: unknown };
  evaluate(statement: unknown, scope: Scope): { value: unknown };
}
const JinjaEvaluation = Interpreter as new (scope: Scope) => Evaluation;
const JinjaScope = Environment as new () => Scope;

/** What a template is given beside the special tokens: `messages`, `tools`, `add_generation_prompt` and the like. */
export type TemplateVariables = { readonly messages: readonly ChatMessage[]; readonly [name: string]: unknown };

/**
 * A chat template made ready: variables in, prompt out, by Hugging Face's jinja with the names that transformers gives
 * a template. `now` is what `strftime_now` tells. Throws a sentence when the template does not parse, refuses the messages or works
 * without end.
 */
export function chatTemplate(
  source: string,
  specialTokens: Record<string, string>,
): (variables: TemplateVariables, now?: Date) => string {
  let template: Template | undefined;
  return (variables, now = new Date()) => {
    try {
      template ??= parse(source);
      const most = templateLimits.characters + 8 * charactersOf(variables);
      const scope = scopeOf({ ...specialTokens, ...variables }, now);
      return String(new BoundedEvaluation(scope, most).run(template.parsed).value);
    } catch (error) {
      const why = (error as Error).message.slice(0, 300).replace(/\.$/, '');
      throw new Error(`The model's chat template could not be applied (${why}).`, { cause: error });
    }
  };
}

function parse(source: string): Template {
  const { source: most, space } = templateLimits;
  if (source.length > most) throw new Error(`it has ${source.length} characters; at most ${most} are read`);
  if (new RegExp(`\\s{${space}}`).test(source))
    throw new Error(`it has ${space} or more characters of white space in one piece`);
  return new Template(source);
}

/** Jinja with a budget: evaluation is synchronous, so nothing outside could stop it. */
class BoundedEvaluation extends JinjaEvaluation {
  private steps = 0;
  private readonly began = performance.now();
  private readonly mostCharacters: number;

  constructor(scope: Scope, mostCharacters: number) {
    super(scope);
    this.mostCharacters = mostCharacters;
  }

  override evaluate(statement: unknown, scope: Scope): { value: unknown } {
    this.spend(1);
    const value = super.evaluate(statement, scope);
    const content = value.value;
    if (typeof content === 'string') {
      if (content.length > this.mostCharacters)
        throw new Error(`it makes a text of more than ${this.mostCharacters} characters`);
      this.spend(content.length / 64);
    } else if (Array.isArray(content)) {
      if (content.length > templateLimits.elements)
        throw new Error(`it makes a list of more than ${templateLimits.elements} elements`);
      this.spend(content.length / 8);
    } else if (content instanceof Map) this.spend(content.size / 8);
    return value;
  }

  private spend(steps: number): void {
    this.steps += steps;
    if (this.steps > templateLimits.steps) throw new Error(`it takes more than ${templateLimits.steps} steps`);
    if (performance.now() - this.began > templateLimits.milliseconds)
      throw new Error(`it takes longer than ${templateLimits.milliseconds / 1000} s`);
  }
}

/** Jinja's global names, as the library sets them for its own `Template.render`, and what is given. */
function scopeOf(given: Record<string, unknown>, now: Date): Scope {
  const scope = new JinjaScope();
  const globals = {
    true: true,
    True: true,
    false: false,
    False: false,
    none: null,
    None: null,
    raise_exception: (message: string) => {
      throw new Error(message);
    },
    range: boundedRange,
    strftime_now: (format: string) => strftime(now, format),
  };
  for (const [name, value] of Object.entries({ ...globals, ...given })) scope.set(name, value);
  return scope;
}

/** Python's `range`, refused before the list is made. */
function boundedRange(...bounds: number[]): number[] {
  const [start, stop, step] = bounds[1] === undefined ? [0, bounds[0], 1] : [bounds[0], bounds[1], bounds[2] ?? 1];
  const length = Math.max(0, Math.ceil((stop! - start!) / step!));
  if (!Number.isInteger(step) || step === 0 || !(length <= templateLimits.elements))
    throw new Error(`range(${bounds.join(', ')}) is no range of at most ${templateLimits.elements} numbers`);
  return Array.from({ length }, (_, i) => start! + i * step!);
}

/** Characters of everything that is given. */
function charactersOf(variables: TemplateVariables): number {
  return JSON.stringify(variables).length;
}
