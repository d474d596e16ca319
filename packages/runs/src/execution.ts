/** One claimed run from its start to its recorded end: its process, its events, its artifacts, its evidence. */
import { mkdir } from 'node:fs/promises';
import { descriptorOf, roomFolder } from '@working-papers/methods';
import type { RunEvent } from '@working-papers/methods/contract';
import { type HeavyProcess, spawnHeavy } from '@working-papers/runtime/processes';
import { artifactFolder, storeArtifact } from './artifacts.ts';
import type { ChildMessage, StartMessage } from './child/messages.ts';
import { cleanEvent } from './clean.ts';
import { commandOf } from './command.ts';
import { type Ending, endingOf, type Stop } from './ending.ts';
import { childEnvironment } from './environment.ts';
import { EventWriter } from './events.ts';
import { type EvidenceEvent, entryOf, storeEvidence } from './evidence.ts';
import { moduleFile } from './module-file.ts';
import { patiently } from './patience.ts';
import { type PlotEvent, recordEvidence } from './record.ts';
import type { Database, Manifest, Run } from './types.ts';

export interface ExecutionOptions {
  library: Database;
  dataFolder: string;
  /** The worker's id, as the run's row has it. */
  worker: string;
  /** Threads of the run's programs. */
  threads: number;
  /** How long writes wait for a database that is away, milliseconds; a minute. */
  patienceMs?: number | undefined;
}

/** A run that this worker claimed. `ended` resolves when its end is stored (or somebody else stored one). */
export class Execution {
  readonly run: Run;
  readonly ended: Promise<void>;
  private readonly options: ExecutionOptions;
  private readonly events: EventWriter;
  private readonly manifest: Manifest;
  private child: HeavyProcess | undefined;
  private stopped: Stop | undefined;
  private failure: string | undefined;
  private finished = false;
  /** Messages of the child are handled one after the other, so that events keep their order. */
  private handling: Promise<void> = Promise.resolve();
  private stageEvidence: EvidenceEvent[] = [];
  private stagePlots: PlotEvent[] = [];

  constructor(run: Run, options: ExecutionOptions) {
    this.run = run;
    this.options = options;
    this.events = new EventWriter(
      options.library,
      run.id,
      (error) => this.stop({ reason: 'broken', message: error.message }),
      options.patienceMs,
    );
    this.manifest = {
      models: [],
      inputs: [],
      machine: '',
      versions: {},
      seed: run.seed,
      command: '',
    };
    this.ended = this.execute();
  }

  /** Kills the run's process; the end is stored with the reason. The first reason counts. */
  stop(stop: Stop): void {
    this.stopped ??= stop;
    this.child?.kill();
  }

  private async execute(): Promise<void> {
    const began = performance.now();
    const ending = await this.runChild().catch(
      (error: unknown): Ending => ({ status: 'failed', message: (error as Error).message }),
    );
    this.manifest.seconds = Math.round(performance.now() - began) / 1_000;
    if (this.stopped?.reason === 'taken') return;
    await this.storeEnd(ending);
  }

  private async runChild(): Promise<Ending> {
    const { limits, id, slug, parameters, seed, experiment, action, stage } = this.run;
    const folder = artifactFolder(this.options.dataFolder, id);
    await mkdir(folder, { recursive: true });
    this.events.append({ type: 'status', status: 'running' });
    this.manifest.command = commandOf(await descriptorOf(slug), this.run);
    if (this.stopped) return endingOf(this.stopped, undefined, limits);
    const start: StartMessage = {
      run: {
        id,
        slug,
        parameters,
        seed,
        experiment,
        ...(action === undefined ? {} : { action }),
        ...(stage === undefined ? {} : { stage }),
      },
      dataFolder: this.options.dataFolder,
      artifactFolder: folder,
      ...(limits.artifactBytes === undefined ? {} : { artifactBytes: limits.artifactBytes }),
      ...(limits.memoryBytes === undefined ? {} : { memoryBytes: limits.memoryBytes }),
      threads: this.options.threads,
    };
    const child = spawnHeavy(moduleFile('child/main'), {
      env: childEnvironment(),
      ...(limits.memoryBytes === undefined ? {} : { memoryLimitBytes: limits.memoryBytes }),
      ...(limits.seconds === undefined ? {} : { timeLimitMs: limits.seconds * 1_000 }),
      onMessage: (message) => this.receive(message as ChildMessage, start),
    });
    this.child = child;
    const exit = await child.exit;
    await this.handling;
    if (exit.reason === 'done' && !this.stopped) {
      if (this.failure !== undefined) return { status: 'failed', message: this.failure };
      if (this.finished) return { status: 'done' };
    }
    return endingOf(this.stopped, exit, limits);
  }

  private receive(message: ChildMessage, start: StartMessage): void {
    if (message.kind === 'ready') {
      this.child?.send(start);
      return;
    }
    this.handling = this.handling
      .then(() => this.handle(message))
      .catch((error: unknown) => this.stop({ reason: 'broken', message: (error as Error).message }));
  }

  private async handle(message: Exclude<ChildMessage, { kind: 'ready' }>): Promise<void> {
    if (message.kind === 'event') await this.take(message.event);
    else if (message.kind === 'model') this.noteModel(message.model);
    else if (message.kind === 'input') this.manifest.inputs.push(message.input);
    else if (message.kind === 'machine')
      Object.assign(this.manifest, { machine: message.machine, versions: message.versions });
    else if (message.kind === 'stage') await this.endStage(message.name);
    else if (message.kind === 'failed') this.failure = message.message;
    else {
      this.finished = true;
      this.manifest.peakBytes = message.peakBytes;
    }
  }

  private async take(raw: RunEvent): Promise<void> {
    const cleaned = cleanEvent(raw);
    if ('problem' in cleaned) {
      this.events.append({ type: 'text', markdown: cleaned.problem });
      return;
    }
    const { event } = cleaned;
    if (event.type === 'artifact') {
      const { type: _, ...artifact } = event;
      await patiently(
        () => storeArtifact(this.options.library, this.options.dataFolder, { run: this.run.id, ...artifact }),
        this.options,
      );
    }
    if (event.type === 'evidence') this.stageEvidence.push(event);
    if (event.type === 'plot') this.stagePlots.push(event);
    this.events.append(event);
  }

  private noteModel(model: Manifest['models'][number]): void {
    const known = this.manifest.models.some(
      (other) =>
        other.sha256 === model.sha256 && other.reference === model.reference && other.weights === model.weights,
    );
    if (!known) this.manifest.models.push(model);
  }

  /** What a stage measured counts once the stage has ended well: a kill costs one stage. */
  private async endStage(name: string): Promise<void> {
    const [evidence, plots] = [this.stageEvidence, this.stagePlots];
    this.stageEvidence = [];
    this.stagePlots = [];
    const method = await descriptorOf(this.run.slug);
    const measured = { run: this.run.id, ...this.manifest, at: new Date() };
    const entries = evidence.flatMap((event) => {
      const entry = entryOf(method, event, measured);
      if (entry) return [{ claim: event.claim, entry }];
      this.say(`${this.run.slug} makes no claim "${event.claim}"; its evidence from the stage "${name}" was left out.`);
      return [];
    });
    await patiently(() => storeEvidence(this.options.library, method, this.run.id, entries), this.options);
    if (!this.run.record) return;
    const problems = await recordEvidence(method, roomFolder(method), { entries, plots });
    for (const problem of problems) this.say(problem);
  }

  private say(sentence: string): void {
    this.events.append({ type: 'text', markdown: sentence });
  }

  /** Status and end event change together, and only while the run is still ours. */
  private async storeEnd(ending: Ending): Promise<void> {
    let { status, message } = ending;
    try {
      await this.events.settle();
    } catch (error) {
      status = 'failed';
      message = (error as Error).message;
    }
    const end = { type: 'end', status, run: this.run.id, ...(message === undefined ? {} : { message }) };
    await patiently(
      () =>
        this.options.library.pool.query(
          `with mine as (
             update runs set status = $3, message = $4, ended_at = now(), seen_at = now(), manifest = $5
             where id = $1 and worker = $2 and status = 'running' returning id
           )
           insert into events (run, seq, at, body) select id, $6, now(), $7::jsonb from mine on conflict do nothing`,
          [
            this.run.id,
            this.options.worker,
            status,
            message ?? null,
            JSON.stringify(this.manifest),
            this.events.nextSeq,
            JSON.stringify(end),
          ],
        ),
      this.options,
    );
  }
}
