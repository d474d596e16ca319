import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openModel } from '@working-papers/models/node';
import { createRuntime } from '@working-papers/runtime/node';
import { afterAll, expect, test } from 'vitest';
import type { ChapterRow } from '../data/passages.ts';
import { collected } from '../data/stream.ts';
import { openDataset } from '../node/data/dataset.ts';
import { fineTune } from '../node/tasks/fine-tune.ts';
import type { TrainableModel } from '../tasks/trainable-model.ts';
import { smallBert } from '../testing/small-models.ts';
import { passageTokens, whichBooks, whichBookTask } from './which-book.ts';

const runtime = createRuntime({ threads: 1 });
const folder = await mkdtemp(join(tmpdir(), 'which-book-'));
afterAll(async () => {
  runtime.close();
  await rm(folder, { recursive: true });
});

const rows = (await collected(await openDataset('house:books'))).map(({ fields }) => fields as unknown as ChapterRow);

/** A small BERT with random weights that reads the commonest words of the books. */
function reader(): TrainableModel {
  const model = smallBert();
  const tokenizer = structuredClone(model.tokenizer!.tokenizer) as { model: { vocab: Record<string, number> } };
  const special = Object.entries(tokenizer.model.vocab).filter(([token]) => token.startsWith('['));
  const counts = new Map<string, number>();
  for (const { text } of rows) for (const word of text.split(' ')) counts.set(word, (counts.get(word) ?? 0) + 1);
  const common = [...counts].sort(([, one], [, other]) => other - one).slice(0, 96 - special.length);
  tokenizer.model.vocab = Object.fromEntries(
    [...special.map(([token]) => token), ...common.map(([word]) => word)].map((token, id) => [token, id]),
  );
  return { ...model, tokenizer: { ...model.tokenizer!, tokenizer } };
}

test('a short version of its recipe tells books apart by unseen chapters, and its folder classifies', async () => {
  const { task, test } = await whichBookTask(reader(), rows, 1);
  expect(task.labels).toEqual([...whichBooks]);
  expect(task.rows).toBe(8 * 300);
  expect(test).toHaveLength(8 * 100);
  const out = join(folder, 'model');
  const tuned = await fineTune(task, { out, runtime, epochs: 2, rate: 5e-3 });
  expect(tuned.evaluation!.loss).toBeLessThan(Math.log(8) - 0.3);
  const model = await openModel(out, { runtime });
  if (model.kind !== 'encoder') throw new Error('It is no encoder any more.');
  expect(model.tokenizer!.encode(test[0]!.text).ids.length).toBeLessThanOrEqual(passageTokens);
  const answers = await model.classify(
    test.map(({ text }) => text),
    { topK: 1 },
  );
  const right = answers.filter(([best], index) => best!.label === test[index]!.label).length;
  // By chance an eighth, with a deviation of 0.012; the 91 commonest words say more than that.
  expect(right / test.length).toBeGreaterThan(0.2);
  model.close();
});
