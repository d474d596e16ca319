/** The tables of a run of engine.mjs, in Markdown. */
import { decodeLimit, prefillLimit } from './limits.mjs';

const median = (list) => [...list].sort((a, b) => a - b)[list.length >> 1];
const digits = (value) => (value < 10 ? value.toFixed(1) : value.toFixed(0));
/** Of rates: the median, and the slowest and fastest where there are several. */
const spread = (list) =>
  list.length > 1
    ? `${digits(median(list))} (${digits(Math.min(...list))}-${digits(Math.max(...list))})`
    : digits(list[0]);
const megabytes = (bytes) => (bytes ? (bytes / 1e6).toFixed(0) : '-');
const isOurs = ({ name }) => name.startsWith('ours');
/** What a way of holding weights may cost in perplexity to count for a goal. */
const mostLost = 0.005;

/** Times the best peer, with VNNI and without. */
const goals = { prefill: [2.5, 1.8], batch: [2, 1.5], decode: [1.5, 1.3], embeddings: [2, 1.5] };

function table(head, rows) {
  return [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

/** Notes under a table, each once, numbered through the whole report. */
class Footnotes {
  #texts = [];
  cell(note) {
    let index = this.#texts.indexOf(note);
    if (index < 0) index = this.#texts.push(note) - 1;
    return `- [${index + 1}]`;
  }
  text() {
    return this.#texts.map((text, index) => `[${index + 1}] ${text}`).join('\n');
  }
}

/** What the tables show of engines: lists of rates, one a round; empty where there is none. */
function ratesOf(data) {
  const of = (engine, key, take) => (engine.samples[key] ?? []).map(take);
  return {
    prefill: (engine, length) => of(engine, `context ${length}`, ({ prefill, tokens }) => tokens / prefill),
    decode: (engine, length) => of(engine, `context ${length}`, ({ decode }) => 1 / decode),
    batchPrefill: (engine) => of(engine, 'batch', ({ prefill }) => (data.batch.rows * data.batch.context) / prefill),
    batchDecode: (engine) => of(engine, 'batch', ({ decode }) => data.batch.rows / decode),
    first: (engine) => of(engine, 'first', ({ prefill }) => prefill * 1000),
    embeddings: (engine, how) => of(engine, how, ({ seconds }) => data.texts / seconds),
  };
}

/** Perplexity of each text and of all their tokens, { licence: 16.1, abstracts: 31.8, all: 28.2 }. */
function perplexities(engine) {
  const found = Object.entries(engine.samples).filter(([key]) => key.startsWith('nll '));
  if (found.length === 0) return {};
  const scored = found.map(([, [sample]]) => sample);
  const total = (field) => scored.reduce((sum, sample) => sum + sample[field], 0);
  return Object.fromEntries([
    ...found.map(([key, [{ sum, count }]]) => [key.slice(4), Math.exp(sum / count)]),
    ['all', Math.exp(total('sum') / total('count'))],
  ]);
}

/** By what share each text's perplexity lies above that of the same weights in fp32, of our own; texts not measured in both are left out. */
function losses(data, engine) {
  const exact = data.engines.find(({ name }) => name === engine.exact);
  const [own, reference] = [perplexities(engine), exact ? perplexities(exact) : {}];
  const texts = Object.keys(reference).filter((text) => own[text] !== undefined);
  return Object.fromEntries(texts.map((text) => [text, own[text] / reference[text] - 1]));
}

const percent = (share) => `${share >= 0 ? '+' : ''}${(100 * share).toFixed(2)} %`;

/** One line a row of the aim: our best, the best peer, their ratio, the goal. */
function goalRows(data, rates) {
  const [decoders, encoders] = ['decoder', 'encoder'].map((kind) => data.engines.filter((e) => e.kind === kind));
  const best = (engines, ratesOfEngine) =>
    engines
      .map((engine) => ({ name: engine.name, rates: ratesOfEngine(engine) }))
      .filter(({ rates }) => rates.length > 0)
      .map(({ name, rates }) => ({ name, value: median(rates) }))
      .sort((a, b) => b.value - a.value)[0];
  const unprovedNames = decoders
    .filter((engine) => engine.name !== engine.exact && Object.keys(losses(data, engine)).length === 0)
    .map(({ name }) => name);
  const counts = (engine) => (losses(data, engine).all ?? 0) <= mostLost;
  const rows = [];
  const add = (label, goal, engines, ratesOfEngine) => {
    const ours = best(engines.filter(isOurs).filter(counts), ratesOfEngine);
    const peer = best(
      engines.filter((engine) => !isOurs(engine)),
      ratesOfEngine,
    );
    if (!ours || !peer) return;
    const fastest = best(engines.filter(isOurs), ratesOfEngine);
    const beside = fastest.name === ours.name ? '' : `; ${fastest.name}, too lossy: ${digits(fastest.value)}`;
    const wanted = goals[goal][data.vnni ? 0 : 1];
    const ratio = ours.value / peer.value;
    const unproved = unprovedNames.includes(ours.name) ? ', perplexity not measured' : '';
    rows.push([
      label,
      `${digits(ours.value)} (${ours.name}${unproved}${beside})`,
      `${digits(peer.value)} (${peer.name})`,
      ratio.toFixed(2),
      `${wanted}`,
      ratio >= wanted ? 'yes' : 'no',
    ]);
  };
  const { contexts, batch } = data;
  for (const { length } of contexts) add(`prefill ${length}`, 'prefill', decoders, (e) => rates.prefill(e, length));
  for (const { length } of contexts) add(`decode at ${length}`, 'decode', decoders, (e) => rates.decode(e, length));
  add(`decode, batch ${batch.rows}`, 'batch', decoders, rates.batchDecode);
  const fastest = (engine) =>
    engine.ways.map((how) => rates.embeddings(engine, how)).sort((a, b) => median(b) - median(a));
  add('embeddings', 'embeddings', encoders, (engine) => fastest(engine).find(({ length }) => length > 0) ?? []);
  return rows;
}

/** Load, first token and memory. */
function loadTable(decoders, rates, cell) {
  return table(
    ['engine, weights', 'load, s', 'first token of 512, ms', 'loaded, MB', 'peak to 512, MB', 'peak of all, MB'],
    decoders.map((engine) => [
      engine.name,
      cell(engine, 'load', engine.load),
      cell(engine, 'first', rates.first(engine)),
      megabytes(engine.memory.loaded),
      megabytes(mostHeld(engine, /^(first|context (128|512))$/)),
      megabytes(mostHeld(engine, /^(?!nll)/)),
    ]),
  );
}

/** Bytes held at most up to the end of what `keys` names; logits of whole windows are left out thereby. */
const mostHeld = (engine, keys) =>
  Math.max(0, ...Object.entries(engine.memory).flatMap(([key, bytes]) => (keys.test(key) ? [bytes] : [])));

const headOf = (data, { length, rounds }) =>
  rounds < data.rounds ? `${length} (${rounds} ${rounds === 1 ? 'round' : 'rounds'})` : `${length}`;

function prefillTable(data, decoders, rates, cell, limits) {
  const { contexts, batch } = data;
  const rows = decoders.map((engine) => [
    engine.name,
    ...contexts.map(({ length }) => cell(engine, `context ${length}`, rates.prefill(engine, length))),
    cell(engine, 'batch', rates.batchPrefill(engine)),
  ]);
  const lengths = [...contexts.map(({ length }) => length), batch.context];
  if (limits) rows.push(['limit of fp32 products', ...lengths.map((length) => digits(prefillLimit(limits, length)))]);
  const heads = contexts.map((context) => headOf(data, context));
  return table(['prefill, tokens/s', ...heads, `batch ${batch.rows} of ${batch.context}`], rows);
}

function decodeTable(data, decoders, rates, cell, limits) {
  const { contexts, batch } = data;
  const limitOf = ({ weightBytes }, rows) => (limits ? digits(decodeLimit(limits, { weightBytes, rows })) : '-');
  const heads = [
    ...contexts.map((context) => `at ${headOf(data, context)}`),
    'limit',
    `batch ${batch.rows} at ${batch.context}`,
    'limit',
  ];
  return table(
    ['decode, tokens/s', ...heads],
    decoders.map((engine) => [
      engine.name,
      ...contexts.map(({ length }) => cell(engine, `context ${length}`, rates.decode(engine, length))),
      limitOf(engine, 1),
      cell(engine, 'batch', rates.batchDecode(engine)),
      limitOf(engine, batch.rows),
    ]),
  );
}

function perplexityTable(data, decoders, texts, cell) {
  return table(
    ['perplexity', ...texts.flatMap((text) => [text, 'against fp32'])],
    decoders.map((engine) => {
      const [own, lost] = [perplexities(engine), losses(data, engine)];
      const cells = texts.flatMap((text) => [
        own[text]?.toFixed(3) ?? (text === 'all' ? '-' : cell(engine, `nll ${text}`, [])),
        lost[text] === undefined || engine.name === engine.exact ? '-' : percent(lost[text]),
      ]);
      return [engine.name, ...cells];
    }),
  );
}

function embeddingTable(data, encoders, rates, cell) {
  return table(
    [`${data.texts} texts, texts/s`, 'one by one', 'all at once', 'load, s', 'peak, MB'],
    encoders.map((engine) => [
      engine.name,
      ...['alone', 'together'].map((how) => cell(engine, how, rates.embeddings(engine, how))),
      cell(engine, 'load', engine.load),
      megabytes(mostHeld(engine, /./)),
    ]),
  );
}

/** @param {any} data what engine.mjs writes with --json */
export function report(data) {
  const rates = ratesOf(data);
  const notes = new Footnotes();
  const cell = (engine, key, list) => {
    if (list.length > 0) return spread(list);
    const note = engine.notes.load ?? engine.notes[key];
    return note ? notes.cell(`${engine.name}: ${note}`) : '-';
  };
  const of = (field) => data.limits.map((limits) => limits[field]);
  const limits = data.limits.length > 0 && { gflops: median(of('gflops')), gigabytes: median(of('gigabytes')) };
  const decoders = data.engines.filter(({ kind }) => kind === 'decoder');
  const encoders = data.engines.filter(({ kind }) => kind === 'encoder');
  const timed = decoders.filter(({ rows }) => !rows);
  const texts = [...new Set(decoders.flatMap((engine) => Object.keys(perplexities(engine))))];
  const aims = goalRows(data, rates);
  const vnni = data.vnni ? 'with' : 'without';
  const parts = [
    `${data.date}, Node ${data.node}, ${data.processor}, ${vnni} VNNI, rounds: ${data.rounds}, median (slowest-fastest)`,
    [...new Set(data.engines.map(({ version }) => version).filter(Boolean))].join('; '),
    limits &&
      `Limits, measured before each round: fp32 products ${spread(of('gflops'))} GFLOP/s, memory reads ${spread(of('gigabytes'))} GB/s`,
    timed.length > 0 && loadTable(timed, rates, cell),
    timed.length > 0 && prefillTable(data, timed, rates, cell, limits),
    timed.length > 0 && decodeTable(data, timed, rates, cell, limits),
    texts.length > 0 && perplexityTable(data, decoders, texts, cell),
    encoders.length > 0 && embeddingTable(data, encoders, rates, cell),
    aims.length > 0 &&
      table(['goal', 'our best within 0.5 % of perplexity', 'best peer', 'ratio', 'wanted', 'met'], aims),
    notes.text(),
  ];
  return parts.filter(Boolean).join('\n\n');
}
