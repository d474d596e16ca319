/** node llama.mjs FILE.gguf [flash] */
import { getLlama, LlamaLogLevel } from 'node-llama-cpp';
import { newTokens, promptIds, secondsOf, serve } from './protocol.mjs';

const [file, flash] = process.argv.slice(2);

await serve({
  async load() {
    const llama = await getLlama({ gpu: false, build: 'never', logLevel: LlamaLogLevel.error, maxThreads: 2 });
    const model = await llama.loadModel({ modelPath: file });
    const context = await model.createContext({
      contextSize: 1024,
      batchSize: 512,
      threads: 2,
      flashAttention: flash === 'flash',
    });
    const sequence = context.getSequence();
    const prefill = async () => {
      await sequence.clearHistory();
      return secondsOf(() => sequence.evaluateWithoutGeneratingNewTokens(promptIds));
    };
    return {
      prefill,
      async decode() {
        await prefill();
        const tokens = sequence.evaluate([100], { temperature: 0, yieldEogToken: true });
        await tokens.next();
        const total = await secondsOf(async () => {
          for (let i = 0; i < newTokens; i++) await tokens.next();
        });
        return total / newTokens;
      },
    };
  },
});
