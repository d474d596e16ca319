/** The packings compared. */
import type { RunContext } from '../../../contract.ts';
import { rowsOf } from '../batches.ts';
import { packRows } from '../ilp.ts';
import { drawPile, idsOf, mixture, openDecoder } from '../piles.ts';

/** Rows and seconds of the greedy packing and of the integer program, batch by batch. */
export async function packing(context: RunContext): Promise<void> {
  const model = await openDecoder(context);
  const rows: (string | number)[][] = [];
  const batches = [16, 32, 64];
  for (const [done, size] of batches.entries()) {
    context.emit({ type: 'progress', done, total: batches.length, message: `Batches of ${size}` });
    const pools = {
      mixed: idsOf(model, mixture(context.random.fork(`packing ${size}`), size)),
      tailed: [0, 1].flatMap((seed) => drawPile('long-tailed', model, context, 100 * size + seed)),
    };
    for (const [pile, prompts] of Object.entries({
      'sentences, abstracts, titles': pools.mixed.slice(0, size),
      'long-tailed': pools.tailed.slice(0, size),
    })) {
      const lengths = prompts.map((ids) => ids.length - 1);
      const timed = async (way: 'bfd' | 'ilp') => {
        const started = context.elapsed();
        const plan = await packRows(lengths, { packing: way, seconds: 20 });
        return { plan, seconds: (context.elapsed() - started) / 1000 };
      };
      const [greedy, program] = [await timed('bfd'), await timed('ilp')];
      const least = Math.ceil(greedy.plan.tokens / greedy.plan.capacity);
      rows.push([pile, size, least, rowsOf([greedy.plan]), rowsOf([program.plan]), greedy.seconds, program.seconds]);
    }
  }
  context.emit({
    type: 'table',
    name: 'packings',
    caption: 'Best-fit decreasing against the integer program',
    columns: [
      { name: 'prompts', type: 'text' },
      { name: 'batch', unit: 'prompts', type: 'number' },
      { name: 'no packing below', unit: 'rows', type: 'number' },
      { name: 'best-fit decreasing', unit: 'rows', type: 'number' },
      { name: 'integer program', unit: 'rows', type: 'number' },
      { name: 'best-fit decreasing', unit: 's', type: 'number' },
      { name: 'integer program', unit: 's', type: 'number' },
    ],
    rows,
  });
}
