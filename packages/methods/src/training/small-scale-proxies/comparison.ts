/** A scan beside an earlier one. */
import type { RunContext } from '../../contract.ts';
import type { ScanSummary } from './report.ts';
import { checkComparable } from './sensitivity.ts';

/** A table of both scans' sensitivities. Throws a sentence where the file is no sensitivity.json, or of other rates or steps. */
export async function compareWith(input: string, now: ScanSummary, context: RunContext): Promise<void> {
  const pieces: string[] = [];
  const decoder = new TextDecoder();
  for await (const piece of context.bytes(input)) pieces.push(decoder.decode(piece, { stream: true }));
  const before = summaryOf(pieces.join(''), input);
  checkComparable(before, now);
  context.emit({
    type: 'table',
    name: 'comparison',
    caption: 'Sensitivity at high learning rates, in the earlier scan and in this one',
    columns: [
      { name: 'size', type: 'text' },
      { name: 'arm', type: 'text' },
      { name: 'earlier', unit: 'nats', type: 'number' },
      { name: 'now', unit: 'nats', type: 'number' },
    ],
    rows: now.sensitivities.flatMap(({ size, arm, high }) => {
      const same = before.sensitivities.find((entry) => entry.size === size && entry.arm === arm);
      return same ? [[size, arm, same.high.value, high.value]] : [];
    }),
  });
}

function summaryOf(text: string, name: string): ScanSummary {
  try {
    const parsed = JSON.parse(text) as ScanSummary;
    if (Array.isArray(parsed.rates) && Array.isArray(parsed.sensitivities) && typeof parsed.steps === 'number')
      return parsed;
  } catch {
    // Said below.
  }
  throw new Error(`${name} is no sensitivity.json of a scan; give the file that an earlier scan wrote.`);
}
