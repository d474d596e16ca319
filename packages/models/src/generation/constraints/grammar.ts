import { type Edge, levelsNeeded, type Machine, type Rule } from './machine.ts';

/** States whose tables are kept; beyond them all are forgotten and made anew as needed. */
const mostPlaces = 20_000;

/** Where to go on when the rules that were called end. */
interface Frame {
  readonly id: number;
  readonly to: number;
  readonly below: Frame | undefined;
  /** Levels of nesting down to here. */
  readonly level: number;
}

interface Config {
  readonly state: number;
  readonly frame: Frame | undefined;
}

/** All ways in which the bytes so far can be read: a state of the machine with its calls, each. */
export interface Place {
  readonly configs: readonly Config[];
  /** Whether the text may end here. */
  readonly complete: boolean;
  /** By byte: the place after it, null where it may not come, undefined where nobody has asked yet. */
  readonly next: (Place | null | undefined)[];
  /** The place that allows the same tokens (by longest token) and stands for many like it. */
  alike?: Map<number, Place>;
}

/** A machine as an automaton whose places are made when they are first reached. */
export class Grammar {
  readonly start: Place;
  readonly #machine: Machine;
  readonly #nesting: number;
  readonly #needed: Float64Array;
  readonly #ends = new Set<number>();
  readonly #frames = new Map<string, Frame>();
  readonly #places = new Map<string, Place>();
  #frameCount = 0;

  /** `nesting`: levels of arrays and objects within each other. Throws a sentence when nothing can be said within them. */
  constructor(machine: Machine, root: Rule, nesting = 32) {
    this.#machine = machine;
    this.#nesting = nesting;
    this.#ends.add(root.end);
    for (const edges of machine.edges)
      for (const edge of edges) if (edge.kind === 'call') this.#ends.add(edge.rule.end);
    checkProgress(machine, root);
    this.#needed = levelsNeeded(machine, this.#ends);
    if (!(root.weight + this.#needed[root.start]! <= nesting)) {
      throw new Error(
        `Nothing can be said: no text of at most ${nesting} levels of nesting satisfies what is asked for.`,
      );
    }
    this.start = this.#place([{ state: root.start, frame: undefined }]);
  }

  after(place: Place, byte: number): Place | null {
    const known = place.next[byte];
    if (known !== undefined) return known;
    const configs: Config[] = [];
    for (const { state, frame } of place.configs) {
      for (const edge of this.#machine.edges[state]!) {
        if (edge.kind === 'bytes' && edge.low <= byte && byte <= edge.high) configs.push({ state: edge.to, frame });
      }
    }
    const made = configs.length === 0 ? null : this.#place(configs);
    const next = made === null || (made.configs.length === 0 && !made.complete) ? null : made;
    place.next[byte] = next;
    return next;
  }

  /**
   * A place that allows the same tokens of at most `longest` bytes: counts of a repetition that a token cannot exhaust are
   * alike, so that a string of at most 1,000 characters does not need 1,000 masks.
   */
  alike(place: Place, longest: number): Place {
    place.alike ??= new Map();
    let same = place.alike.get(longest);
    if (!same) {
      const configs = place.configs.map(({ state, frame }) => ({
        state: this.#alikeState(state, longest),
        frame: this.#alikeFrame(frame, longest),
      }));
      same = configs.every(
        ({ state, frame }, i) => state === place.configs[i]!.state && frame === place.configs[i]!.frame,
      )
        ? place
        : this.#place(configs);
      place.alike.set(longest, same);
    }
    return same;
  }

  #alikeState(state: number, longest: number): number {
    const known = this.#machine.counts.get(state);
    if (!known) return state;
    const { count, counting } = known;
    const { states, min } = counting;
    if (min - count > longest) return states[0]!;
    return count >= min && states.length - 1 - count > longest ? states[min]! : state;
  }

  #alikeFrame(frame: Frame | undefined, longest: number): Frame | undefined {
    if (!frame) return undefined;
    return this.#frame(this.#alikeState(frame.to, longest), this.#alikeFrame(frame.below, longest), frame.level);
  }

  #frame(to: number, below: Frame | undefined, level: number): Frame {
    const key = `${to} ${below?.id ?? ''} ${level}`;
    let frame = this.#frames.get(key);
    if (!frame) {
      frame = { id: this.#frameCount++, to, below, level };
      this.#frames.set(key, frame);
    }
    return frame;
  }

  /** What can be reached from these without a byte, as one place. */
  #place(seeds: readonly Config[]): Place {
    const seen = new Map<string, Config>();
    const waiting = [...seeds];
    let complete = false;
    while (waiting.length > 0) {
      const config = waiting.pop()!;
      const { state, frame } = config;
      const level = frame?.level ?? 0;
      if (level + this.#needed[state]! > this.#nesting) continue;
      const key = `${state} ${frame?.id ?? ''}`;
      if (seen.has(key)) continue;
      seen.set(key, config);
      if (this.#ends.has(state)) {
        if (frame) waiting.push({ state: frame.to, frame: frame.below });
        else complete = true;
      }
      for (const edge of this.#machine.edges[state]!) {
        if (edge.kind === 'empty') waiting.push({ state: edge.to, frame });
        else if (edge.kind === 'call') {
          const called = this.#frame(edge.to, frame, level + edge.rule.weight);
          waiting.push({ state: edge.rule.start, frame: called });
        }
      }
    }
    const reading = [...seen].filter(([, { state }]) => this.#machine.edges[state]!.some(isBytes));
    const key = `${complete}|${reading
      .map(([name]) => name)
      .sort()
      .join('|')}`;
    let place = this.#places.get(key);
    if (!place) {
      // Who stands at an old place keeps it; it is collected with the last of them.
      if (this.#places.size >= mostPlaces) {
        this.#places.clear();
        this.#frames.clear();
      }
      place = { configs: reading.map(([, config]) => config), complete, next: new Array(256) };
      this.#places.set(key, place);
    }
    return place;
  }
}

const isBytes = (edge: Edge): boolean => edge.kind === 'bytes';

/** Throws where a rule calls itself before anything was said: it would never get anywhere. */
function checkProgress(machine: Machine, root: Rule): void {
  const done = new Set<Rule>();
  const path = new Set<Rule>();
  const visit = (rule: Rule): void => {
    if (path.has(rule))
      throw new Error('A definition refers to itself before anything is said; it can never be satisfied.');
    if (done.has(rule)) return;
    path.add(rule);
    const seen = new Set<number>();
    const waiting = [rule.start];
    while (waiting.length > 0) {
      const state = waiting.pop()!;
      if (seen.has(state)) continue;
      seen.add(state);
      for (const edge of machine.edges[state]!) {
        if (edge.kind === 'empty') waiting.push(edge.to);
        else if (edge.kind === 'call') visit(edge.rule);
      }
    }
    path.delete(rule);
    done.add(rule);
  };
  visit(root);
  for (const edges of machine.edges) for (const edge of edges) if (edge.kind === 'call') visit(edge.rule);
}
