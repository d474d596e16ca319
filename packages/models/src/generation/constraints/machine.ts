/** Most states of a grammar. A longest length or a bounded repetition is a state for each count. */
const mostStates = 100_000;

/** From a state to another: over one byte of a range, over nothing, or over all that a rule says. */
export type Edge =
  | { kind: 'bytes'; low: number; high: number; to: number }
  | { kind: 'empty'; to: number }
  | { kind: 'call'; rule: Rule; to: number };

/** A part of a grammar with a beginning and an end, which may call others and itself. */
export interface Rule {
  start: number;
  end: number;
  /** Levels of nesting that a call of it adds: 1 for an array or an object, 0 for a character. */
  weight: 0 | 1;
}

/** States that stand for the counts 0, 1, 2, ... of one repetition, of which at least `min` are needed. */
export interface Counting {
  states: number[];
  min: number;
}

/** A machine over bytes with calls, put together from states and edges. */
export class Machine {
  readonly edges: Edge[][] = [];
  /** The repetition and the count that a state stands for. */
  readonly counts = new Map<number, { counting: Counting; count: number }>();

  state(): number {
    if (this.edges.length >= mostStates) {
      throw new Error(
        `What is to be said takes more than ${mostStates} states; ask for shorter lengths or fewer repetitions.`,
      );
    }
    return this.edges.push([]) - 1;
  }

  rule(weight: 0 | 1 = 0): Rule {
    return { start: this.state(), end: this.state(), weight };
  }

  bytes(from: number, low: number, high: number, to: number): void {
    this.edges[from]!.push({ kind: 'bytes', low, high, to });
  }

  empty(from: number, to: number): void {
    this.edges[from]!.push({ kind: 'empty', to });
  }

  call(from: number, rule: Rule, to: number): void {
    this.edges[from]!.push({ kind: 'call', rule, to });
  }

  /** The UTF-8 bytes of a text, one after another. */
  text(from: number, text: string, to: number): void {
    let state = from;
    for (const byte of new TextEncoder().encode(text)) {
      const next = this.state();
      this.bytes(state, byte, byte, next);
      state = next;
    }
    this.empty(state, to);
  }

  /** `min` to `max` (default any number) times what `once` puts between two states. */
  repeat(
    from: number,
    min: number,
    max: number | undefined,
    once: (from: number, to: number) => void,
    to: number,
  ): void {
    const counting: Counting = { states: [], min };
    let state = this.state();
    this.empty(from, state);
    for (let count = 0; ; count++) {
      counting.states.push(state);
      this.counts.set(state, { counting, count });
      if (count >= min) this.empty(state, to);
      if (count === (max ?? min)) {
        if (max === undefined) once(state, state);
        return;
      }
      const next = this.state();
      once(state, next);
      state = next;
    }
  }
}

/**
 * For each state, how many further levels of nesting its rule needs at least before it ends; Infinity where it cannot end.
 */
export function levelsNeeded(machine: Machine, ends: ReadonlySet<number>): Float64Array {
  const needed = new Float64Array(machine.edges.length).fill(Number.POSITIVE_INFINITY);
  const before: number[][] = machine.edges.map(() => []);
  for (const [from, edges] of machine.edges.entries()) {
    for (const edge of edges) {
      before[edge.to]!.push(from);
      if (edge.kind === 'call') before[edge.rule.start]!.push(from);
    }
  }
  for (const end of ends) needed[end] = 0;
  const waiting = [...ends].flatMap((end) => before[end]!);
  while (waiting.length > 0) {
    const state = waiting.pop()!;
    let least = ends.has(state) ? 0 : Number.POSITIVE_INFINITY;
    for (const edge of machine.edges[state]!) {
      const through = edge.kind === 'call' ? edge.rule.weight + needed[edge.rule.start]! : 0;
      least = Math.min(least, Math.max(through, needed[edge.to]!));
    }
    if (least < needed[state]!) {
      needed[state] = least;
      waiting.push(...before[state]!);
    }
  }
  return needed;
}
