/**
 * Ours against the other engines, in Node and native, every engine in a process of its own with two threads, measured in turn:
 *   node bench/engine.mjs --python /somewhere/bin/python [--json FILE]      (--help lists the rest; bench/README.md says how to prepare)
 * Prints Markdown tables; bench/README.md keeps the last ones.
 */
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { chosenEngines, decoderWheel } from './engines.mjs';
import { limitsNow, Peer, quiet } from './peer.mjs';
import { longest, planOf, requests } from './plan.mjs';
import { report } from './report.mjs';
import { perplexityWindows, sentences } from './texts.mjs';

const usage = `node bench/engine.mjs [options]
  --rounds N        rounds over all engines, one after the other (5)
  --contexts LIST   tokens of the prompts, each with the rounds it is measured in, the last ones (128,512,2048:2,8192:1)
  --steps N         decode steps after a prompt (32; half of it above 2048 tokens)
  --batch N         sequences that step together (8)
  --batch-context N tokens of each of them (128)
  --rows LIST       of tokens, batch, perplexity, embeddings, limits (all)
  --windows N       windows of 512 tokens of each of two texts for the perplexity, at most (40: all of both)
  --engines LIST    beginnings of names; without it the usual ones, 'all' for every one
  --python PATH     the interpreter with torch, onnxruntime-genai and llama-cpp-python (python3)
  --json FILE       writes everything there, anew after every engine
  --report FILE     prints the tables of such a file and measures nothing
  --plan            prints what would be measured and how long it would take`;

const string = (value) => ({ type: 'string', ...(value === undefined ? {} : { default: value }) });
const { values } = parseArgs({
  options: {
    rounds: string('5'),
    contexts: string('128,512,2048:2,8192:1'),
    steps: string('32'),
    batch: string('8'),
    'batch-context': string('128'),
    rows: string('tokens,batch,perplexity,embeddings,limits'),
    windows: string('40'),
    engines: string(),
    python: string('python3'),
    json: string(),
    report: string(),
    plan: { type: 'boolean' },
    help: { type: 'boolean' },
  },
});
if (values.help) {
  console.log(usage);
  process.exit();
}
if (values.report) {
  console.log(report(JSON.parse(readFileSync(values.report, 'utf8'))));
  process.exit();
}

function wholeNumber(name, text = values[name], least = 1) {
  const number = Number(text);
  if (!Number.isInteger(number) || number < least)
    throw new Error(`--${name} takes a whole number of at least ${least}; got '${text}'.`);
  return number;
}
/** No answer takes longer than this, in seconds. */
const patience = 600;
const rounds = wholeNumber('rounds');
const steps = wholeNumber('steps');
const batch = { rows: wholeNumber('batch'), context: wholeNumber('batch-context') };
const rows = new Set(values.rows.split(','));
const known = ['tokens', 'batch', 'perplexity', 'embeddings', 'limits'];
for (const row of rows) if (!known.includes(row)) throw new Error(`--rows takes ${known.join(', ')}; got '${row}'.`);
const contexts = (rows.has('tokens') ? values.contexts.split(',') : [])
  .map((part) => part.split(':'))
  .map(([length, times = values.rounds]) => ({
    length: wholeNumber('contexts', length),
    rounds: Math.min(rounds, wholeNumber('contexts', times)),
  }));
for (const { length } of contexts)
  if (length > longest) throw new Error(`A context of ${length} is longer than the model's ${longest} tokens.`);

/** Beside the engines, for no path belongs into what is written of them. */
const commands = new Map();
const decoderRows = ['tokens', 'batch', 'perplexity'];
const engines = [];
for (const { command, weights, ...engine } of chosenEngines(values.python, values.engines)) {
  if (engine.kind === 'decoder' ? !decoderRows.some((row) => rows.has(row)) : !rows.has('embeddings')) continue;
  const missing = [...command, ...(weights ? [weights] : [])].find((part) => part.startsWith('/') && !existsSync(part));
  if (missing) {
    console.error(`${engine.name}: ${missing} is not there; see bench/README.md. Left out.`);
    continue;
  }
  commands.set(engine.name, command);
  const weightBytes = weights && statSync(weights).size;
  engines.push({ ...engine, weightBytes, load: [], samples: {}, notes: {}, memory: {} });
}
const texts = sentences();
const windows = rows.has('perplexity') ? await perplexityWindows(decoderWheel, wholeNumber('windows')) : {};

const requestsOf = requests({ rows, contexts, steps, batch, rounds, texts, windows });

async function measure(engine, round) {
  const asked = requestsOf(engine, round).filter(({ key }) => !engine.notes[key]);
  if (engine.notes.load || asked.length === 0) return;
  await quiet();
  // One process alive at a time: idle engines' spinning threads would disturb the others.
  const peer = new Peer(commands.get(engine.name));
  try {
    const loaded = await peer.answer(patience);
    if (loaded.error) {
      engine.notes.load = loaded.error;
      return;
    }
    engine.version = loaded.version;
    engine.load.push(loaded.seconds);
    const keep = (key, value) => {
      engine.samples[key] ??= [];
      engine.samples[key].push(value);
    };
    engine.memory.loaded = Math.max(engine.memory.loaded ?? 0, peer.memory()?.resident ?? 0);
    for (const { key, message } of asked) {
      const answer = await peer.ask(message, patience);
      if (answer.error) engine.notes[key] = answer.error;
      else keep(key, { ...answer, tokens: message.prompts?.[0].length });
      if (answer.gone) return;
      engine.memory[key] = Math.max(engine.memory[key] ?? 0, peer.memory()?.peak ?? 0);
    }
  } finally {
    await peer.close();
    for (const [key, note] of Object.entries(engine.notes)) console.error(`  ${engine.name}, ${key}: ${note}`);
  }
}

const plan = planOf({ engines, rounds, requestsOf });
console.error(plan.text);
if (values.plan) process.exit();

const flags = (() => {
  try {
    return readFileSync('/proc/cpuinfo', 'utf8');
  } catch {
    return '';
  }
})();
const data = {
  date: new Date().toISOString().slice(0, 10),
  node: process.version,
  processor: `${cpus().length} cores ${cpus()[0].model.trim()}`,
  vnni: /avx512_vnni|avx_vnni/.test(flags),
  rounds: 0,
  contexts: contexts.map(({ length, rounds }) => ({ length, rounds })),
  batch,
  steps,
  texts: texts.length,
  limits: [],
  engines,
};
const began = performance.now();
for (let round = 1; round <= rounds; round++) {
  if (rows.has('limits')) {
    const limits = await limitsNow(values.python);
    if (limits.error) console.error(`limits.py: ${limits.error}`);
    else data.limits.push(limits);
  }
  for (const engine of engines) {
    data.rounds = round;
    await measure(engine, round);
    if (values.json) writeFileSync(values.json, `${JSON.stringify(data, undefined, 1)}\n`);
    const minutes = (performance.now() - began) / 60_000;
    console.error(`round ${round} of ${rounds}, ${minutes.toFixed(1)} min: ${engine.name}`);
  }
}
console.log(report(data));
