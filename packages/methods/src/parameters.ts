/**
 * Parameters: one zod schema per method, many faces. Flags, forms and API bodies all come through `parseParameters`; help, forms
 * and API schemas all read `fieldsOf` or `jsonSchema`.
 */
import { z } from 'zod';
import type { Kind, Method, Parameters } from './contract.ts';
import { conversionOf, type Raw } from './conversion.ts';

export type { Raw } from './conversion.ts';

/** Names that the command line and the forms keep for themselves. */
export const reservedNames = [
  'out',
  'json',
  'help',
  'experiment',
  'record',
  'estimate',
  'model-cache',
  'modelCache',
  'present',
];

export type JsonSchema = Record<string, unknown>;
export type FieldType = 'string' | 'number' | 'integer' | 'boolean' | 'array' | 'object';

/** One parameter as a flag or form field shows it. */
export interface Field {
  name: string;
  type: FieldType;
  /** The type of a list's items. */
  itemType?: FieldType;
  title?: string;
  description: string;
  unit?: string;
  kind?: Kind;
  /** Shown first; other fields may be folded away. */
  primary: boolean;
  required: boolean;
  default?: unknown;
  /** The values to choose from. */
  options?: (string | number)[];
  minimum?: number;
  maximum?: number;
  /** The minimum (maximum) itself is not allowed. */
  exclusiveMinimum?: number;
  exclusiveMaximum?: number;
}

export interface FieldError {
  /** The parameter's name; empty when the error belongs to none. */
  field: string;
  message: string;
}

export type Parsed<P = Record<string, unknown>> = { ok: true; value: P } | { ok: false; errors: FieldError[] };

/** The actions of a method whose parameters are a union on `action`; empty for the others. */
export function actionsOf(method: Method): string[] {
  return method.parameters ? [...variantsOf(method.parameters).keys()].filter((name) => name !== '') : [];
}

/** The object schemas by action; under '' when there is one only. */
// biome-ignore lint/suspicious/noExplicitAny: any object schema of zod is a parameter list
function variantsOf(parameters: Parameters): Map<string, z.ZodObject<any>> {
  if (parameters instanceof z.ZodObject) return new Map([['', parameters]]);
  // biome-ignore lint/suspicious/noExplicitAny: as above
  const options = parameters.options as z.ZodObject<any>[];
  return new Map(options.map((option) => [String([...option.shape.action.values][0]), option]));
}

// biome-ignore lint/suspicious/noExplicitAny: as above
function variantOf(method: Method, action?: string): z.ZodObject<any> {
  if (!method.parameters) throw new Error(`'${method.slug}' has no parameters: its method is not built yet.`);
  const variants = variantsOf(method.parameters);
  const only = variants.get('');
  if (only) {
    if (action) throw new Error(`'${method.slug}' has no actions; got '${action}'.`);
    return only;
  }
  const wanted = action ?? method.defaultAction ?? '';
  const variant = variants.get(wanted);
  if (!variant)
    throw new Error(`'${method.slug}' has the actions ${[...variants.keys()].join(', ')}; got '${wanted}'.`);
  return variant;
}

/** JSON Schema of a method's parameters (of one action when named), with title, description, unit, kind and primary. */
export function jsonSchema(method: Method, action?: string): JsonSchema {
  if (!method.parameters) throw new Error(`'${method.slug}' has no parameters: its method is not built yet.`);
  const schema = action === undefined ? method.parameters : variantOf(method, action);
  return z.toJSONSchema(schema, { io: 'input' }) as JsonSchema;
}

/** The fields of a method (of its `action`, or its default action), primary ones first, without the `action` field itself. */
export function fieldsOf(method: Method, action?: string): Field[] {
  const schema = z.toJSONSchema(variantOf(method, action), { io: 'input' }) as JsonSchema;
  const required = new Set((schema.required as string[] | undefined) ?? []);
  const fields = Object.entries((schema.properties as Record<string, JsonSchema>) ?? {})
    .filter(([name]) => name !== 'action')
    .map(([name, property]) => fieldOf(name, property, required.has(name)));
  return [...fields.filter((field) => field.primary), ...fields.filter((field) => !field.primary)];
}

function fieldOf(name: string, property: JsonSchema, required: boolean): Field {
  const items = property.items as JsonSchema | undefined;
  const limit = (key: string) =>
    typeof property[key] === 'number' && Math.abs(property[key]) < Number.MAX_SAFE_INTEGER
      ? { [key]: property[key] }
      : {};
  const options = property.enum ?? items?.enum;
  return {
    name,
    type: property.type as FieldType,
    ...(items ? { itemType: items.type as FieldType } : {}),
    ...(typeof property.title === 'string' ? { title: property.title } : {}),
    description: String(property.description ?? ''),
    ...(typeof property.unit === 'string' ? { unit: property.unit } : {}),
    ...(property.kind ? { kind: property.kind as Kind } : {}),
    primary: property.primary === true,
    required,
    ...('default' in property ? { default: property.default } : {}),
    ...(options ? { options: options as (string | number)[] } : {}),
    ...limit('minimum'),
    ...limit('maximum'),
    ...limit('exclusiveMinimum'),
    ...limit('exclusiveMaximum'),
  };
}

/**
 * Throws a sentence when the parameters cannot be shown on every face: a loose object, a reserved or unspeakable name, a field
 * without description or of no single JSON type, a transform or bigint, a name with two types across actions, a wrong default action.
 */
export function checkParameters(method: Method): void {
  if (!method.parameters) return;
  const variants = variantsOf(method.parameters);
  const typeOf = new Map<string, string>();
  for (const [action, variant] of variants) {
    if (!(variant.def.catchall instanceof z.ZodNever))
      throw new Error(`The parameters${action && ` of '${action}'`} are not a strict object; use z.strictObject.`);
    z.toJSONSchema(variant, { io: 'output' }); // throws on a transform, whose input alone has a type
    for (const field of fieldsOf(method, action || undefined)) {
      const { name, type } = field;
      if (reservedNames.includes(name)) throw new Error(`The parameter name '${name}' is reserved.`);
      if (!/^[a-z][A-Za-z0-9]*$/.test(name)) throw new Error(`The parameter name '${name}' is not in camel case.`);
      if (!field.description) throw new Error(`The parameter '${name}' has no description; put .meta() last.`);
      if (!['string', 'number', 'integer', 'boolean', 'array', 'object'].includes(type))
        throw new Error(`The parameter '${name}' has no single JSON type.`);
      const known = typeOf.get(name) ?? type;
      if (known !== type) throw new Error(`The parameter '${name}' is ${known} in one action and ${type} in another.`);
      typeOf.set(name, type);
    }
  }
  if (!variants.has('') && method.defaultAction && !variants.has(method.defaultAction))
    throw new Error(`The default action '${method.defaultAction}' is none of ${[...variants.keys()].join(', ')}.`);
  if (variants.has('') && method.defaultAction) throw new Error('A default action needs a union on `action`.');
}

/**
 * Reads parameters from flags, a form or a JSON body. Strings become values by the field's JSON type; an empty string is absent;
 * a list comes by repetition; what is named in the hidden `present` field and not sent is
 * false, or for a list of boxes empty. `defaultAction` is filled in.
 */
export function parseParameters<P = Record<string, unknown>>(method: Method, raw: Raw): Parsed<P> {
  if (!method.parameters)
    return { ok: false, errors: [{ field: '', message: `The method of '${method.slug}' is not built yet.` }] };
  const { present, action: givenAction, ...given } = raw;
  const actions = actionsOf(method);
  const action = givenAction === '' || givenAction === undefined ? method.defaultAction : String(givenAction);
  if (actions.length > 0 && !actions.includes(action ?? '')) {
    const message = `Action must be one of ${actions.join(', ')}; got ${action === undefined ? 'none' : `'${action}'`}.`;
    return { ok: false, errors: [{ field: 'action', message }] };
  }
  if (actions.length === 0 && action !== undefined)
    return { ok: false, errors: [{ field: 'action', message: `'${method.slug}' has no actions; got '${action}'.` }] };
  const fields = fieldsOf(method, action);
  const errors: FieldError[] = [];
  const value: Record<string, unknown> = action === undefined ? {} : { action };
  for (const [name, entry] of Object.entries(given)) {
    const field = fields.find((candidate) => candidate.name === name);
    if (!field) {
      if (!isEmpty(entry))
        errors.push({
          field: name,
          message: `There is no parameter '${name}'; known: ${fields.map((f) => f.name).join(', ')}.`,
        });
      continue;
    }
    const converted = conversionOf(field, entry);
    if ('message' in converted) errors.push({ field: name, message: converted.message });
    else if (converted.value !== undefined) value[name] = converted.value;
  }
  const ticked = Array.isArray(present) ? present : present === undefined ? [] : [present];
  for (const name of ticked) {
    const field = fields.find((candidate) => candidate.name === name);
    if (field?.type === 'boolean' && value[field.name] === undefined) value[field.name] = false;
    // A list of boxes with none ticked is an empty list, not the default.
    if (field?.type === 'array' && field.options && value[field.name] === undefined) value[field.name] = [];
  }
  const result = variantOf(method, action).safeParse(value);
  if (!result.success)
    for (const issue of result.error.issues) {
      const name = String(issue.path[0] ?? '');
      if (!errors.some((error) => error.field === name))
        errors.push({
          field: name,
          message: sentenceOf(
            issue,
            fields.find((field) => field.name === name),
            value,
          ),
        });
    }
  return errors.length > 0 ? { ok: false, errors } : { ok: true, value: result.data as P };
}

const isEmpty = (entry: unknown): boolean => entry === undefined || entry === null || entry === '';

/** "Batch must be at least 1 prompt; got 0." from zod's issue. */
function sentenceOf(issue: z.core.$ZodIssue, field: Field | undefined, value: Record<string, unknown>): string {
  const label = field?.title ?? field?.name ?? String(issue.path[0] ?? 'Input');
  const named = label.charAt(0).toUpperCase() + label.slice(1);
  let got: unknown = value;
  for (const key of issue.path) got = (got as Record<PropertyKey, unknown> | undefined)?.[key];
  const unit = field?.unit ? ` ${field.unit}` : '';
  const shown = got === undefined ? 'nothing' : JSON.stringify(got)?.slice(0, 80);
  if (got === undefined && issue.code === 'invalid_type') return `${named} is required.`;
  if (issue.code === 'too_small' || issue.code === 'too_big') {
    const bound = issue.code === 'too_small' ? issue.minimum : issue.maximum;
    const many = issue.origin === 'string' ? ' characters' : issue.origin === 'array' ? ' entries' : unit;
    const counted = bound === 1 ? many.replace(/ies$/, 'y').replace(/([a-z]{3,})s$/, '$1') : many;
    const strict = issue.code === 'too_small' ? 'more than' : 'less than';
    const loose = issue.code === 'too_small' ? 'at least' : 'at most';
    const verb = issue.origin === 'string' || issue.origin === 'array' ? 'have' : 'be';
    const size = typeof got === 'string' || Array.isArray(got) ? got.length : shown;
    return `${named} must ${verb} ${issue.inclusive === false ? strict : loose} ${bound}${counted}; got ${size}.`;
  }
  if (issue.code === 'invalid_value') return `${named} must be one of ${issue.values.join(', ')}; got ${shown}.`;
  if (issue.code === 'invalid_type') {
    const article = /^[aeiou]/.test(issue.expected) ? 'an' : 'a';
    return `${named} must be ${article} ${issue.expected === 'int' ? 'integer' : issue.expected}; got ${shown}.`;
  }
  return `${named}: ${issue.message}; got ${shown}.`;
}
