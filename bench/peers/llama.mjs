/** node llama.mjs FILE.gguf [flash] */
import { readFileSync } from 'node:fs';
import { getLlama, LlamaLogLevel } from 'node-llama-cpp';
import { secondsOf, serve } from './protocol.mjs';

const [file, flash] = process.argv.slice(2);
const version = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')).dependencies[
  'node-llama-cpp'
];

await serve({
  version: `node-llama-cpp ${version}`,
  async load() {
    const llama = await getLlama({ gpu: false, build: 'never', logLevel: LlamaLogLevel.error, maxThreads: 2 });
    const model = await llama.loadModel({ modelPath: file });
    return {
      async tokens({ prompts, steps }) {
        const context = await model.createContext({
          contextSize: prompts[0].length + steps + 2,
          sequences: prompts.length,
          batchSize: 512,
          threads: 2,
          flashAttention: flash === 'flash',
        });
        const sequences = prompts.map(() => context.getSequence());
        const prefill = await secondsOf(() =>
          Promise.all(sequences.map((sequence, row) => sequence.evaluateWithoutGeneratingNewTokens(prompts[row]))),
        );
        const generators = sequences.map((sequence) =>
          sequence.evaluate([100], { temperature: 0, yieldEogToken: true }),
        );
        const step = () => Promise.all(generators.map((tokens) => tokens.next()));
        if (steps > 0) await step();
        const decode = await secondsOf(async () => {
          for (let i = 0; i < steps; i++) await step();
        });
        await context.dispose();
        return { prefill, decode: decode / steps };
      },
      async nll() {
        throw new Error('its interface gives no log-probabilities; llama.cpp built natively has the same arithmetic');
      },
    };
  },
});
