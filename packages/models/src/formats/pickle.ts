import { show } from './element-types.ts';
import { FormatError } from './format-error.ts';

/**
 * A pickle machine that builds data and calls nothing (https://github.com/python/cpython/blob/main/Lib/pickletools.py has
 * the opcodes). Whatever a pickle wants to call goes to `reduce`, a function of ours that knows a short list of names and
 * refuses every other one; opcodes that make objects in another way are refused. No value is larger than the bytes it
 * is read from, and values that are used again are shared, never copied.
 */

/** A name that the pickle imports: `torch._utils._rebuild_tensor_v2`. */
export class PickleGlobal {
  readonly name: string;
  constructor(name: string) {
    this.name = name;
  }
}

export interface PickleRules {
  /** Whether a name may be imported; throws a sentence for one that may not. */
  allow(name: string): void;
  /** What a call of an allowed name gives. */
  reduce(name: string, args: readonly unknown[]): unknown;
  /** What an object that lies outside of the pickle is. */
  persistent(id: unknown): unknown;
}

/** The bytes given so far end inside the pickle although the file goes on: give more. */
export class PickleGoesOn extends Error {}

/** The value of one pickle and where it ends. `whole` says whether the file ends with `bytes`. */
export function unpickle(
  bytes: Uint8Array,
  start: number,
  rules: PickleRules,
  whole = true,
): { value: unknown; end: number } {
  const machine = new Machine(bytes, start, rules, whole);
  return { value: machine.run(), end: machine.offset };
}

/** Longest whole number that is read, in bytes. */
const longestNumber = 16;
const mark = Symbol('mark');
/** Opcodes that make objects in ways that need no call of a name we could check first. */
const refusedOpcodes: Record<string, string> = {
  i: 'INST',
  o: 'OBJ',
  '\x81': 'NEWOBJ',
  '\x92': 'NEWOBJ_EX',
  '\x82': 'EXT1',
  '\x83': 'EXT2',
  '\x84': 'EXT4',
  P: 'PERSID',
  '\x97': 'NEXT_BUFFER',
  '\x98': 'READONLY_BUFFER',
};

class Machine {
  offset: number;
  private readonly bytes: Uint8Array;
  private readonly view: DataView;
  private readonly rules: PickleRules;
  private readonly whole: boolean;
  private readonly stack: unknown[] = [];
  private readonly memo = new Map<number, unknown>();

  constructor(bytes: Uint8Array, start: number, rules: PickleRules, whole: boolean) {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.offset = start;
    this.rules = rules;
    this.whole = whole;
  }

  run(): unknown {
    for (;;) {
      const opcode = String.fromCharCode(this.bytes[this.take(1)]!);
      if (opcode === '.') return this.pop();
      const step = Object.hasOwn(steps, opcode) ? steps[opcode]! : undefined;
      if (!step) throw refused(opcode);
      step(this);
    }
  }

  take(length: number): number {
    const start = this.offset;
    if (start + length > this.bytes.byteLength) {
      if (!this.whole) throw new PickleGoesOn();
      throw new FormatError(
        `The pickle needs ${length} bytes at ${start}, but ends at ${this.bytes.byteLength}: it is cut short or lies.`,
      );
    }
    this.offset = start + length;
    return start;
  }

  uint8 = () => this.view.getUint8(this.take(1));
  uint16 = () => this.view.getUint16(this.take(2), true);
  int32 = () => this.view.getInt32(this.take(4), true);
  uint32 = () => this.view.getUint32(this.take(4), true);
  float64 = () => this.view.getFloat64(this.take(8), false);
  length64 = () => Number(this.view.getBigUint64(this.take(8), true));

  data(length: number): Uint8Array {
    const start = this.take(length);
    return this.bytes.subarray(start, this.offset);
  }

  text(length: number): string {
    return new TextDecoder().decode(this.data(length));
  }

  line(): string {
    const end = this.bytes.indexOf(10, this.offset);
    if (end < 0) this.take(this.bytes.byteLength - this.offset + 1);
    const line = this.text(end - this.offset);
    this.take(1);
    return line;
  }

  number(length: number): number | bigint {
    if (length > longestNumber) {
      throw new FormatError(
        `The pickle has a number of ${length} bytes; numbers of at most ${longestNumber} are read.`,
      );
    }
    const bytes = this.data(length);
    let value = 0n;
    for (let i = length - 1; i >= 0; i--) value = (value << 8n) | BigInt(bytes[i]!);
    return plain(BigInt.asIntN(8 * length, value));
  }

  push(value: unknown): void {
    this.stack.push(value);
  }

  pop(): unknown {
    if (this.stack.length === 0 || this.stack.at(-1) === mark)
      throw new FormatError('The pickle takes from an empty stack.');
    return this.stack.pop();
  }

  peek(): unknown {
    const value = this.pop();
    this.stack.push(value);
    return value;
  }

  mark(): void {
    this.stack.push(mark);
  }

  sinceMark(): unknown[] {
    const at = this.stack.lastIndexOf(mark);
    if (at < 0) throw new FormatError('The pickle goes back to a mark that was never set.');
    const values = this.stack.splice(at);
    values.shift();
    return values;
  }

  drop(): void {
    if (this.stack.at(-1) === mark) this.stack.pop();
    else this.pop();
  }

  remember(place: number): void {
    this.memo.set(place, this.peek());
  }

  recall(place: number): void {
    if (!this.memo.has(place)) throw new FormatError(`The pickle asks for its memo ${place}, where nothing was put.`);
    this.push(this.memo.get(place));
  }

  get remembered(): number {
    return this.memo.size;
  }

  import(module: unknown, name: unknown): void {
    if (typeof module !== 'string' || typeof name !== 'string')
      throw new FormatError('The pickle imports something whose name is no text.');
    const full = `${module}.${name}`;
    this.rules.allow(full);
    this.push(new PickleGlobal(full));
  }

  reduce(): void {
    const args = this.pop();
    const callee = this.pop();
    if (!(callee instanceof PickleGlobal) || !Array.isArray(args))
      throw new FormatError('The pickle calls something that is no imported name.');
    this.push(this.rules.reduce(callee.name, args));
  }

  /** State given to an object: an ordered dictionary's attributes mean nothing here; nothing else takes a state. */
  build(): void {
    this.pop();
    if (!(this.peek() instanceof Map))
      throw new FormatError('The pickle sets the state of an object; only dictionaries of tensors are read.');
  }

  append(values: unknown[]): void {
    const list = this.peek();
    if (!Array.isArray(list)) throw new FormatError('The pickle appends to something that is no list.');
    for (const value of values) list.push(value);
  }

  set(values: unknown[]): void {
    const map = this.peek();
    if (!(map instanceof Map)) throw new FormatError('The pickle sets an item of something that is no dictionary.');
    if (values.length % 2 !== 0) throw new FormatError('The pickle sets a key without a value.');
    for (let i = 0; i < values.length; i += 2) map.set(values[i], values[i + 1]);
  }

  add(values: unknown[]): void {
    const set = this.peek();
    if (!(set instanceof Set)) throw new FormatError('The pickle adds to something that is no set.');
    for (const value of values) set.add(value);
  }

  persistent(): void {
    this.push(this.rules.persistent(this.pop()));
  }
}

function refused(opcode: string): FormatError {
  const known = Object.hasOwn(refusedOpcodes, opcode) ? refusedOpcodes[opcode] : undefined;
  const what = known ?? `0x${opcode.charCodeAt(0).toString(16).padStart(2, '0')}`;
  return new FormatError(
    `The pickle has the opcode ${what}, which only pickles of other things than tensors need; convert the model to safetensors.`,
  );
}

const plain = (value: bigint): number | bigint =>
  value >= Number.MIN_SAFE_INTEGER && value <= Number.MAX_SAFE_INTEGER ? Number(value) : value;

function parseNumber(text: string): number | bigint | boolean {
  if (text === '00') return false;
  if (text === '01') return true;
  const digits = text.replace(/L$/, '');
  if (!/^-?\d{1,39}$/.test(digits)) throw new FormatError(`The pickle has ${show(text)} where a number should be.`);
  return plain(BigInt(digits));
}

function parseFloat64(text: string): number {
  const value = Number(text);
  if (text.length > 400 || text.trim() === '' || Number.isNaN(value))
    throw new FormatError(`The pickle has ${show(text)} where a number should be.`);
  return value;
}

/** Text of protocol 0: quoted as Python writes it; only plain quotes are undone. */
function unquoted(text: string): string {
  const match = /^(['"])(.*)\1$/s.exec(text);
  if (!match || match[2]!.includes('\\'))
    throw new FormatError(`The pickle has the text ${show(text)}, which is not read.`);
  return match[2]!;
}

/** What each opcode that is allowed does; by the byte it is written as. */
const steps: Record<string, (machine: Machine) => void> = {
  '\x80': (m) => {
    const version = m.uint8();
    if (version > 5) throw new FormatError(`The pickle has the protocol ${version}; up to 5 are read.`);
  },
  '\x95': (m) => void m.length64(), // a frame: the opcodes inside follow as they would without
  '(': (m) => m.mark(),
  '0': (m) => m.drop(),
  '1': (m) => void m.sinceMark(),
  '2': (m) => m.push(m.peek()),
  N: (m) => m.push(null),
  '\x88': (m) => m.push(true),
  '\x89': (m) => m.push(false),
  I: (m) => m.push(parseNumber(m.line())),
  L: (m) => m.push(parseNumber(m.line())),
  J: (m) => m.push(m.int32()),
  K: (m) => m.push(m.uint8()),
  M: (m) => m.push(m.uint16()),
  '\x8a': (m) => m.push(m.number(m.uint8())),
  '\x8b': (m) => m.push(m.number(m.uint32())),
  F: (m) => m.push(parseFloat64(m.line())),
  G: (m) => m.push(m.float64()),
  S: (m) => m.push(unquoted(m.line())),
  V: (m) => m.push(m.line()),
  T: (m) => m.push(m.text(m.uint32())),
  U: (m) => m.push(m.text(m.uint8())),
  X: (m) => m.push(m.text(m.uint32())),
  '\x8c': (m) => m.push(m.text(m.uint8())),
  '\x8d': (m) => m.push(m.text(m.length64())),
  B: (m) => m.push(m.data(m.uint32())),
  C: (m) => m.push(m.data(m.uint8())),
  '\x8e': (m) => m.push(m.data(m.length64())),
  '\x96': (m) => m.push(m.data(m.length64())),
  ']': (m) => m.push([]),
  l: (m) => m.push(m.sinceMark()),
  a: (m) => m.append([m.pop()]),
  e: (m) => m.append(m.sinceMark()),
  ')': (m) => m.push([]),
  t: (m) => m.push(m.sinceMark()),
  '\x85': (m) => m.push([m.pop()]),
  '\x86': (m) => m.push([m.pop(), m.pop()].reverse()),
  '\x87': (m) => m.push([m.pop(), m.pop(), m.pop()].reverse()),
  '}': (m) => m.push(new Map()),
  d: (m) => {
    const items = m.sinceMark();
    m.push(new Map());
    m.set(items);
  },
  s: (m) => m.set([m.pop(), m.pop()].reverse()),
  u: (m) => m.set(m.sinceMark()),
  '\x8f': (m) => m.push(new Set()),
  '\x90': (m) => m.add(m.sinceMark()),
  '\x91': (m) => m.push(new Set(m.sinceMark())),
  p: (m) => m.remember(Number(parseNumber(m.line()))),
  q: (m) => m.remember(m.uint8()),
  r: (m) => m.remember(m.uint32()),
  '\x94': (m) => m.remember(m.remembered),
  g: (m) => m.recall(Number(parseNumber(m.line()))),
  h: (m) => m.recall(m.uint8()),
  j: (m) => m.recall(m.uint32()),
  c: (m) => m.import(m.line(), m.line()),
  '\x93': (m) => {
    const name = m.pop();
    m.import(m.pop(), name);
  },
  R: (m) => m.reduce(),
  b: (m) => m.build(),
  Q: (m) => m.persistent(),
};
