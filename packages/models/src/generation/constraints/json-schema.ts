import { everyCharacter, jsonWriting, type Writing } from './characters.ts';
import { Machine, type Rule } from './machine.ts';
import { writeInteger, writeNumber } from './numbers.ts';
import { parsePattern, writePattern } from './pattern.ts';

type Schema = Record<string, unknown>;
type Type = 'null' | 'boolean' | 'integer' | 'number' | 'string' | 'array' | 'object';

const types: readonly Type[] = ['null', 'boolean', 'number', 'string', 'array', 'object'];

/** Keywords that say nothing of what is valid. */
const annotations = new Set([
  '$schema',
  '$id',
  '$comment',
  '$defs',
  'definitions',
  'title',
  'description',
  'default',
  'examples',
  'deprecated',
  'readOnly',
  'writeOnly',
]);
/** Keywords that are held to, by the type that they speak of. */
const held: Record<Type, readonly string[]> = {
  null: [],
  boolean: [],
  integer: ['minimum', 'maximum', 'exclusiveMinimum', 'exclusiveMaximum'],
  number: ['minimum', 'maximum', 'exclusiveMinimum', 'exclusiveMaximum'],
  string: ['minLength', 'maxLength', 'pattern', 'format'],
  array: ['items', 'prefixItems', 'minItems', 'maxItems'],
  object: ['properties', 'required', 'additionalProperties'],
};
const everyHeld = new Set(Object.values(held).flat());

const formats: Record<string, string> = {
  date: '^\\d{4}-((0[13578]|1[02])-(0[1-9]|[12]\\d|3[01])|(0[469]|11)-(0[1-9]|[12]\\d|30)|02-(0[1-9]|1\\d|2[0-8]))$',
  time: '^([01]\\d|2[0-3]):[0-5]\\d:[0-5]\\d(\\.\\d{1,6})?(Z|[+-]([01]\\d|2[0-3]):[0-5]\\d)$',
  uuid: '^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$',
  ipv4: '^((25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)\\.){3}(25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)$',
};
formats['date-time'] = `${formats.date!.slice(0, -1)}T${formats.time!.slice(1)}`;

/**
 * A machine for the JSON texts that are valid under a schema (JSON Schema 2020-12, in part): properties in the order in which they are
 * declared and none beside them (of any name where none is declared), at most one space after a comma and a colon, `oneOf` as `anyOf`. A keyword that is not held to is
 * refused with a sentence that names it.
 */
export function jsonSchemaMachine(schema: unknown): { machine: Machine; root: Rule } {
  const machine = new Machine();
  return { machine, root: new SchemaWriter(machine, schema).root() };
}

class SchemaWriter {
  readonly #machine: Machine;
  readonly #whole: unknown;
  readonly #writing: Writing;
  readonly #references = new Map<string, Rule>();
  #anyValue: Rule | undefined;

  constructor(machine: Machine, whole: unknown) {
    this.#machine = machine;
    this.#whole = whole;
    this.#writing = jsonWriting(machine);
  }

  root(): Rule {
    return this.#reference('#', '#');
  }

  /** A schema that is referred to is a rule of its own, so that it may refer to itself. */
  #reference(reference: string, where: string): Rule {
    let rule = this.#references.get(reference);
    if (!rule) {
      rule = this.#machine.rule();
      this.#references.set(reference, rule);
      this.#value(resolve(this.#whole, reference, where), reference, rule.start, rule.end);
    }
    return rule;
  }

  #value(given: unknown, where: string, from: number, to: number): void {
    if (given === true) {
      this.#any(from, to);
      return;
    }
    if (typeof given !== 'object' || given === null || Array.isArray(given)) {
      throw new Error(`The schema at ${where} must be an object or true; got ${JSON.stringify(given)}.`);
    }
    const schema = given as Schema;
    const said = Object.keys(schema).filter((key) => !annotations.has(key));
    const only = (...keys: string[]) => this.#refuse(said, where, keys);
    if (said.length === 0) this.#any(from, to);
    else if ('$ref' in schema) {
      only('$ref');
      this.#machine.call(from, this.#reference(String(schema.$ref), where), to);
    } else if ('const' in schema || 'enum' in schema) {
      only('const', 'enum', 'type');
      this.#literals(schema, where, from, to);
    } else if ('allOf' in schema) {
      only('allOf');
      const all = listOf(schema.allOf, `allOf at ${where}`);
      if (all.length !== 1) throw new Error(`allOf at ${where} is supported with one schema; got ${all.length}.`);
      this.#value(all[0], `${where}/allOf/0`, from, to);
    } else if ('anyOf' in schema || 'oneOf' in schema) {
      this.#alternatives(schema, said, where, from, to);
    } else {
      this.#refuse(said, where, [...everyHeld, 'type']);
      for (const type of typesOf(schema, said, where)) this.#typed(type, schema, where, from, to);
    }
  }

  #refuse(said: readonly string[], where: string, known: readonly string[]): void {
    const odd = said.find((key) => !known.includes(key));
    if (odd === undefined) return;
    const supported = everyHeld.has(odd) || ['type', 'enum', 'const', '$ref', 'anyOf', 'oneOf', 'allOf'].includes(odd);
    throw new Error(
      supported
        ? `The schema at ${where} has '${odd}' beside '${said.find((key) => known.includes(key))}'; constraints do not support the two together.`
        : `The schema at ${where} has '${odd}', which constraints do not support.`,
    );
  }

  #literals(schema: Schema, where: string, from: number, to: number): void {
    const values = 'const' in schema ? [schema.const] : listOf(schema.enum, `enum at ${where}`);
    const wanted = 'type' in schema ? typesOf(schema, ['type'], where) : undefined;
    const among =
      'const' in schema && 'enum' in schema
        ? new Set(listOf(schema.enum, where).map((one) => JSON.stringify(one)))
        : undefined;
    const valid = values.filter(
      (value) => (!wanted || wanted.some((type) => isOf(value, type))) && (!among || among.has(JSON.stringify(value))),
    );
    if (valid.length === 0) throw new Error(`No value of the enum or const at ${where} is valid.`);
    for (const value of valid) this.#machine.text(from, JSON.stringify(value), to);
  }

  #alternatives(schema: Schema, said: readonly string[], where: string, from: number, to: number): void {
    const key = 'anyOf' in schema ? 'anyOf' : 'oneOf';
    this.#refuse(said, where, [key, 'type']);
    const branches = listOf(schema[key], `${key} at ${where}`);
    if (branches.length === 0) throw new Error(`${key} at ${where} is empty: nothing is valid.`);
    for (const [i, branch] of branches.entries()) {
      if ('type' in schema && (branch as Schema | null)?.type !== schema.type) {
        throw new Error(`The schema at ${where} has 'type' beside '${key}'; give each alternative its type instead.`);
      }
      this.#value(branch, `${where}/${key}/${i}`, from, to);
    }
  }

  #typed(type: Type, schema: Schema, where: string, from: number, to: number): void {
    const machine = this.#machine;
    const bounds = () => ({
      minimum: numberOf(schema, 'minimum', where),
      maximum: numberOf(schema, 'maximum', where),
      exclusiveMinimum: numberOf(schema, 'exclusiveMinimum', where),
      exclusiveMaximum: numberOf(schema, 'exclusiveMaximum', where),
    });
    switch (type) {
      case 'null':
        machine.text(from, 'null', to);
        break;
      case 'boolean':
        for (const text of ['true', 'false']) machine.text(from, text, to);
        break;
      case 'integer':
        at(where, () => writeInteger(machine, from, bounds(), to));
        break;
      case 'number':
        at(where, () => writeNumber(machine, from, bounds(), to));
        break;
      case 'string':
        this.#string(schema, where, from, to);
        break;
      case 'array':
        this.#nested(from, to, (start, end) => this.#array(schema, where, start, end));
        break;
      case 'object':
        this.#nested(from, to, (start, end) => this.#object(schema, where, start, end));
        break;
    }
  }

  #nested(from: number, to: number, fill: (start: number, end: number) => void): void {
    const rule = this.#machine.rule(1);
    fill(rule.start, rule.end);
    this.#machine.call(from, rule, to);
  }

  #string(schema: Schema, where: string, from: number, to: number): void {
    const machine = this.#machine;
    const [min, max] = [countOf(schema, 'minLength', where) ?? 0, countOf(schema, 'maxLength', where)];
    if (max !== undefined && max < min) throw new Error(`maxLength at ${where} is below minLength: nothing is valid.`);
    const [begin, end] = [machine.state(), machine.state()];
    machine.text(from, '"', begin);
    machine.text(end, '"', to);
    const { pattern, format } = schema;
    if (pattern === undefined && format === undefined) {
      const character = this.#writing.character(everyCharacter);
      machine.repeat(begin, min, max, (start, stop) => machine.call(start, character, stop), end);
      return;
    }
    if (pattern !== undefined && format !== undefined)
      throw new Error(
        `The schema at ${where} has 'pattern' beside 'format'; constraints do not support the two together.`,
      );
    const source = pattern ?? formats[String(format)];
    if (typeof source !== 'string') {
      throw new Error(
        pattern === undefined
          ? `The schema at ${where} has the format ${JSON.stringify(format)}; supported are ${Object.keys(formats).join(', ')}.`
          : `pattern at ${where} must be a text; got ${JSON.stringify(pattern)}.`,
      );
    }
    at(where, () =>
      writePattern(machine, this.#writing, parsePattern(source, { search: true }), begin, end, {
        min,
        ...(max === undefined ? {} : { max }),
      }),
    );
  }

  #array(schema: Schema, where: string, from: number, to: number): void {
    const machine = this.#machine;
    const [min, max] = [countOf(schema, 'minItems', where) ?? 0, countOf(schema, 'maxItems', where)];
    if (max !== undefined && max < min) throw new Error(`maxItems at ${where} is below minItems: nothing is valid.`);
    const first = schema.prefixItems === undefined ? [] : listOf(schema.prefixItems, `prefixItems at ${where}`);
    const most = Math.min(max ?? Infinity, schema.items === false ? first.length : Infinity);
    if (most < min) throw new Error(`minItems at ${where} asks for more items than there can be: nothing is valid.`);
    const [begin, end] = [machine.state(), machine.state()];
    machine.text(from, '[', begin);
    machine.text(end, ']', to);
    const rest = machine.rule();
    if (most > first.length) this.#value(schema.items ?? true, `${where}/items`, rest.start, rest.end);
    let state = begin;
    for (let count = 0; count < Math.min(first.length, most); count++) {
      if (count >= min) machine.empty(state, end);
      const next = machine.state();
      this.#value(first[count], `${where}/prefixItems/${count}`, count === 0 ? state : this.#mark(state, ','), next);
      state = next;
    }
    if (most <= first.length) {
      machine.empty(state, end);
      return;
    }
    const taken = first.length;
    if (taken === 0) {
      if (min === 0) machine.empty(state, end);
      const next = machine.state();
      machine.call(state, rest, next);
      state = next;
    }
    const after = Math.max(taken, 1);
    const once = (start: number, stop: number) => machine.call(this.#mark(start, ','), rest, stop);
    machine.repeat(state, Math.max(0, min - after), most === Infinity ? undefined : most - after, once, end);
  }

  #object(schema: Schema, where: string, from: number, to: number): void {
    const machine = this.#machine;
    const properties = recordOf(schema.properties ?? {}, `properties at ${where}`);
    const required = listOf(schema.required ?? [], `required at ${where}`).map(String);
    const members: [name: string, schema: unknown, needed: boolean][] = Object.entries(properties).map(
      ([name, value]) => [name, value, required.includes(name)],
    );
    const others = schema.additionalProperties ?? true;
    for (const name of required) {
      if (name in properties) continue;
      if (others === false) throw new Error(`The schema at ${where} requires '${name}' and allows no such property.`);
      members.push([name, others, true]);
    }
    const [end, begin] = [machine.state(), machine.state()];
    machine.text(from, '{', begin);
    machine.text(end, '}', to);
    const member = (start: number, key: string, value: unknown, stop: number) => {
      const named = machine.state();
      machine.text(start, JSON.stringify(key), named);
      this.#value(value, `${where}/properties/${key}`, this.#mark(named, ':'), stop);
    };
    // Nothing said yet, and something said already: a comma comes before the next.
    let [bare, said]: [number | undefined, number | undefined] = [begin, undefined];
    for (const [name, value, needed] of members) {
      if (value === false && !needed) continue;
      const next = machine.state();
      const rule = machine.rule();
      member(rule.start, name, value, rule.end);
      if (bare !== undefined) machine.call(bare, rule, next);
      if (said !== undefined) machine.call(this.#mark(said, ','), rule, next);
      if (!needed && said !== undefined) machine.empty(said, next);
      if (needed) bare = undefined;
      said = next;
    }
    if (bare !== undefined) machine.empty(bare, end);
    if (said !== undefined) machine.empty(said, end);
    if (schema.properties === undefined && members.length === 0 && others !== false)
      this.#map(others, where, begin, end);
  }

  /** Properties of any name, all of one schema. */
  #map(value: unknown, where: string, from: number, to: number): void {
    const machine = this.#machine;
    const rule = machine.rule();
    const named = machine.state();
    this.#string({}, where, rule.start, named);
    this.#value(value, `${where}/additionalProperties`, this.#mark(named, ':'), rule.end);
    const said = machine.state();
    machine.call(from, rule, said);
    machine.call(this.#mark(said, ','), rule, said);
    machine.empty(said, to);
  }

  /** A comma or a colon, and perhaps a space. */
  #mark(from: number, mark: string): number {
    const [said, after] = [this.#machine.state(), this.#machine.state()];
    this.#machine.text(from, mark, said);
    this.#machine.text(said, ' ', after);
    this.#machine.empty(said, after);
    return after;
  }

  /** Any JSON value. */
  #any(from: number, to: number): void {
    if (!this.#anyValue) {
      this.#anyValue = this.#machine.rule();
      const { start, end } = this.#anyValue;
      for (const type of types) {
        this.#typed(type, {}, '#', start, end);
      }
    }
    this.#machine.call(from, this.#anyValue, to);
  }
}

/** Adds where in the schema something went wrong. */
function at(where: string, body: () => void): void {
  try {
    body();
  } catch (error) {
    throw new Error(`${(error as Error).message.replace(/\.$/, '')} (at ${where} of the schema).`, { cause: error });
  }
}

function typesOf(schema: Schema, said: readonly string[], where: string): Type[] {
  const { type } = schema;
  if (type === undefined) {
    const spoken = (Object.keys(held) as Type[]).filter(
      (one) => one !== 'integer' && held[one].some((key) => said.includes(key)),
    );
    return spoken.length > 0 ? spoken : [...types];
  }
  const given = Array.isArray(type) ? type : [type];
  const odd = given.find((one) => one !== 'integer' && !types.includes(one as Type));
  if (odd !== undefined || given.length === 0)
    throw new Error(`type at ${where} is ${JSON.stringify(type)}; types are ${types.join(', ')}, integer.`);
  return given as Type[];
}

function isOf(value: unknown, type: Type): boolean {
  if (type === 'null') return value === null;
  if (type === 'array') return Array.isArray(value);
  if (type === 'integer') return Number.isInteger(value);
  if (type === 'object') return typeof value === 'object' && value !== null && !Array.isArray(value);
  return typeof value === type;
}

/** What `#`, `#/$defs/name` or any other JSON pointer (RFC 6901) of the schema refers to. */
function resolve(whole: unknown, reference: string, where: string): unknown {
  const missing = () =>
    new Error(`The schema at ${where} refers to '${reference}', which is not in it; references begin with '#/'.`);
  if (reference === '#') return whole;
  if (!reference.startsWith('#/')) throw missing();
  let found = whole;
  for (const step of reference.slice(2).split('/')) {
    const key = decodeURIComponent(step).replaceAll('~1', '/').replaceAll('~0', '~');
    if (typeof found !== 'object' || found === null || !Object.hasOwn(found, key)) throw missing();
    found = (found as Schema)[key];
  }
  return found;
}

function listOf(value: unknown, what: string): readonly unknown[] {
  if (!Array.isArray(value)) throw new Error(`${what} must be a list; got ${JSON.stringify(value)}.`);
  return value;
}

function recordOf(value: unknown, what: string): Schema {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new Error(`${what} must be an object.`);
  return value as Schema;
}

function numberOf(schema: Schema, key: string, where: string): number | undefined {
  const value = schema[key];
  if (value !== undefined && (typeof value !== 'number' || !Number.isFinite(value)))
    throw new Error(`${key} at ${where} must be a number; got ${JSON.stringify(value)}.`);
  return value;
}

function countOf(schema: Schema, key: string, where: string): number | undefined {
  const value = numberOf(schema, key, where);
  if (value !== undefined && (!Number.isInteger(value) || value < 0))
    throw new Error(`${key} at ${where} must be a whole number of at least 0; got ${value}.`);
  return value;
}
