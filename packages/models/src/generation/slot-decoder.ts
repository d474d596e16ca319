import type { Program, ProgramOptions } from '@working-papers/runtime';
import type { Instruments } from '../activations/types.ts';
import type { DecoderConfig, DecoderParts } from '../architectures/parts.ts';
import type { ModelFacts } from '../model-facts.ts';
import { positionKindsOf } from './position-kinds.ts';
import { DeviceSlotCache } from './slot-cache.ts';
import { type PositionKinds, type SlotLayout, slotLayout } from './slot-layout.ts';
import { compileSlots, programKey, SlotRun } from './slot-program.ts';
import type { SlotCacheOptions } from './slot-types.ts';
import { checkIds } from './token-ids.ts';
import type { NextToken } from './types.ts';
import { type Watch, watchOf } from './watch.ts';

export interface SlotPassOptions {
  /** `[row][token]`; default each behind the one before. */
  positions?: readonly (readonly number[])[] | undefined;
  signal?: AbortSignal | undefined;
  onProgress?: ((progress: { done: number; total: number }) => void) | undefined;
}

/** Prefill and step over caches of slots; a program is compiled when the first cache that needs it is used. */
export class SlotDecoder {
  private readonly facts: ModelFacts;
  private readonly config: DecoderConfig;
  private readonly parts: Partial<DecoderParts> | undefined;
  private readonly instruments: Instruments | undefined;
  private readonly programOptions: ProgramOptions;
  private readonly programs = new Map<string, Promise<{ program: Program; watch: Watch | undefined }>>();
  private readonly steps = new WeakMap<DeviceSlotCache, SlotRun>();
  private kinds: PositionKinds | undefined;

  constructor(
    facts: ModelFacts,
    config: DecoderConfig,
    given: {
      parts?: Partial<DecoderParts> | undefined;
      instruments?: Instruments | undefined;
      options: ProgramOptions;
    },
  ) {
    this.facts = facts;
    this.config = config;
    this.parts = given.parts;
    this.instruments = given.instruments;
    this.programOptions = given.options;
  }

  create(options: SlotCacheOptions): DeviceSlotCache {
    const { config, facts } = this;
    this.kinds ??= positionKindsOf(facts.config, facts.graphWeights, this.parts);
    return new DeviceSlotCache(facts.runtime, config, slotLayout(options, config, this.kinds), options);
  }

  /** Appends each row's tokens, in chunks; the run holds the answer until the next one, or until `release`. */
  async prefill(
    cache: DeviceSlotCache,
    ids: readonly (readonly number[])[],
    { positions, signal, onProgress }: SlotPassOptions = {},
  ): Promise<{ run: SlotRun; release(): void }> {
    this.check(cache, ids, positions);
    const longest = Math.max(...ids.map(({ length }) => length));
    cache.checkRoom(ids.map(({ length }) => length));
    const { chunk } = cache.layout;
    // Rows are aligned right: a shorter one begins in a later chunk.
    const cut = <T>(rows: readonly (readonly T[])[], start: number, end: number) =>
      rows.map((row) => row.slice(Math.max(0, row.length - longest + start), Math.max(0, row.length - longest + end)));
    let whole: SlotRun | undefined;
    let done = 0;
    const advance = async (run: SlotRun, count: number) => {
      await run.run(cut(ids, done, done + count), positions && cut(positions, done, done + count), signal);
      done += count;
      onProgress?.({ done, total: longest });
    };
    try {
      while (longest - done > chunk) {
        whole ??= await this.bound(cache, chunk);
        await advance(whole, chunk);
      }
      const rest = longest - done;
      const run =
        rest === 1 ? await this.stepRun(cache) : rest === chunk && whole ? whole : await this.bound(cache, rest);
      const release = () => {
        if (rest > 1) run.release();
      };
      try {
        await advance(run, rest);
      } catch (error) {
        if (run !== whole) release();
        throw error;
      }
      if (run === whole) whole = undefined;
      return { run, release };
    } finally {
      whole?.release();
    }
  }

  /** The same with a copy of the answer. */
  async prompt(
    cache: DeviceSlotCache,
    ids: readonly (readonly number[])[],
    options: SlotPassOptions,
  ): Promise<NextToken> {
    const { run, release } = await this.prefill(cache, ids, options);
    const { vocabulary } = this.config;
    const logits = run.logits.read() as Float32Array;
    const next = Array.from(run.next.read() as BigInt64Array, Number);
    release();
    return {
      ids: next,
      logits: (row) => (row === undefined ? logits.slice() : logits.slice(row * vocabulary, (row + 1) * vocabulary)),
    };
  }

  async step(cache: DeviceSlotCache, ids: readonly number[], options: SlotPassOptions = {}): Promise<SlotRun> {
    const columns = ids.map((id) => [id]);
    this.check(cache, columns, options.positions);
    const run = await this.stepRun(cache);
    await run.run(columns, options.positions, options.signal);
    return run;
  }

  release(): void {
    for (const made of this.programs.values()) made.then(({ program }) => program.release()).catch(() => {});
  }

  private check(
    cache: DeviceSlotCache,
    ids: readonly (readonly number[])[],
    positions: SlotPassOptions['positions'],
  ): void {
    if (ids.length !== cache.rows) {
      throw new Error(`The cache has ${cache.rows} rows; tokens were given for ${ids.length}.`);
    }
    for (const row of ids) if (row.length > 0) checkIds(row, this.config.vocabulary, 1);
    if (ids.every(({ length }) => length === 0)) throw new Error('There is no token to compute; give at least one.');
    if (!positions) return;
    const { ring, distances } = cache.layout;
    if (ring || distances === 'cache') {
      throw new Error(
        'In a ring, or where distances are counted in the cache, positions follow from what is held; leave them out.',
      );
    }
    const odd = ids.findIndex((row, index) => positions[index]?.length !== row.length);
    if (odd >= 0) {
      throw new Error(
        `Row ${odd} has ${ids[odd]!.length} tokens and ${positions[odd]?.length ?? 0} positions; each token needs one.`,
      );
    }
  }

  private async stepRun(cache: DeviceSlotCache): Promise<SlotRun> {
    let run = this.steps.get(cache);
    if (!run) {
      run = await this.bound(cache, 1);
      this.steps.set(cache, run);
      cache.owned.push(run);
    }
    return run;
  }

  private async bound(cache: DeviceSlotCache, sequence: number): Promise<SlotRun> {
    const { program, watch } = await this.programFor(cache.layout);
    return new SlotRun(this.facts.runtime, program, cache, this.config.vocabulary, sequence, watch);
  }

  private programFor(layout: SlotLayout): Promise<{ program: Program; watch: Watch | undefined }> {
    const key = programKey(layout);
    let made = this.programs.get(key);
    if (!made) {
      made = this.compile(layout);
      made.catch(() => this.programs.delete(key));
      this.programs.set(key, made);
    }
    return made;
  }

  private async compile(layout: SlotLayout): Promise<{ program: Program; watch: Watch | undefined }> {
    const { facts, config, parts, instruments } = this;
    const watch = instruments && watchOf(instruments);
    const program = await compileSlots(
      facts.runtime,
      facts.config,
      config,
      facts.graphWeights,
      parts,
      layout,
      this.programOptions,
      watch,
    );
    return { program, watch };
  }
}
