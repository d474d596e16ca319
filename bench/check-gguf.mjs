/**
 * node bench/check-gguf.mjs [--tokens 1,2,3] [--new 32] FILE.gguf...
 *
 * Whether llama.cpp (node-llama-cpp, installed in this folder) opens GGUF files and continues them with the tokens that our engine
 * does, greedily. Ends with 1 where one differs, and says how near our logits were there: with F16 and block types llama.cpp rounds
 * activations, so that near ties may fall the other way.
 */
import { parseArgs } from 'node:util';
import { openModel } from '@working-papers/models/node';
import { getLlama, LlamaLogLevel } from 'node-llama-cpp';

const { values, positionals: files } = parseArgs({
  options: { tokens: { type: 'string', default: '504,3575,282,4649,314' }, new: { type: 'string', default: '32' } },
  allowPositionals: true,
});
const prompt = values.tokens.split(',').map(Number);
const count = Number(values.new);

async function theirs(llama, modelPath) {
  const model = await llama.loadModel({ modelPath });
  const context = await model.createContext({ contextSize: prompt.length + count + 8, threads: 2 });
  const tokens = [];
  for await (const token of context.getSequence().evaluate(prompt, { temperature: 0, yieldEogToken: true })) {
    tokens.push(token);
    if (tokens.length === count) break;
  }
  await model.dispose();
  return tokens;
}

/** Our greedy tokens, and by how much each logit is above the next. */
async function ours(path) {
  const model = await openModel(path, { weights: 'fp32' });
  const tokens = [];
  const leads = [];
  for (let i = 0; i < count; i++) {
    const { logits, shape } = await model.logits([...prompt, ...tokens]);
    const last = logits.subarray((shape[0] - 1) * shape[1]);
    let best = 0;
    for (let id = 1; id < last.length; id++) if (last[id] > last[best]) best = id;
    let second = Number.NEGATIVE_INFINITY;
    for (let id = 0; id < last.length; id++) if (id !== best) second = Math.max(second, last[id]);
    tokens.push(best);
    leads.push(last[best] - second);
  }
  model.close();
  return { tokens, leads };
}

const llama = await getLlama({ gpu: false, build: 'never', logLevel: LlamaLogLevel.error, maxThreads: 2 });
let differs = false;
for (const file of files) {
  const { tokens, leads } = await ours(file);
  const other = await theirs(llama, file);
  const at = tokens.findIndex((token, i) => token !== other[i]);
  differs ||= at >= 0;
  console.log(
    `${file}: ${at < 0 ? `the same ${count} tokens` : `differs at token ${at}: ${tokens[at]} and ${other[at]}; our lead there is ${leads[at].toFixed(4)}`} (least lead ${Math.min(...leads).toFixed(4)})`,
  );
}
process.exit(differs ? 1 : 0);
