/** A scan as files. */
import { writeText } from '../../artifact-text.ts';
import type { RunContext } from '../../contract.ts';
import type { ScanSummary } from './report.ts';
import { gradientOf, logZOf, maxLogitOf, type Rows } from './rows.ts';

/** Leaves runs.csv, telemetry.jsonl and sensitivity.json. */
export async function writeResults(rows: Rows, summary: ScanSummary, context: RunContext): Promise<void> {
  await writeText(context, 'runs.csv', 'text/csv', csvOf(rows));
  const sink = context.write('telemetry.jsonl', 'application/x-ndjson');
  for (const { size, arm, rate, seed, telemetry } of rows) {
    const lines = telemetry.map((entry) => JSON.stringify({ size, arm, rate, seed, ...entry }));
    await sink.write(lines.map((line) => `${line}\n`).join(''));
  }
  await sink.close();
  await writeText(context, 'sensitivity.json', 'application/json', `${JSON.stringify(summary, undefined, 1)}\n`);
}

const columns = [
  'size',
  'layers',
  'width',
  'parameters',
  'arm',
  'learning_rate',
  'seed',
  'steps',
  'loss',
  'initial_loss',
  'max_attention_logit',
  'log_z',
  'embedding_gradient_rms',
  'seconds',
];

function csvOf(rows: Rows): string {
  const lines = rows.map((row) =>
    [
      row.size,
      row.layers,
      row.width,
      row.parameters,
      row.arm,
      row.rate,
      row.seed,
      row.steps,
      row.loss ?? '',
      row.initial,
      maxLogitOf(row),
      logZOf(row),
      gradientOf(row),
      row.seconds.toFixed(2),
    ].join(','),
  );
  return `${[columns.join(','), ...lines].join('\n')}\n`;
}
