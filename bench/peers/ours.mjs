/** node ours.mjs REFERENCE WEIGHTS */
import { openModel } from '../../packages/models/dist/node/index.js';
import { newTokens, promptIds, promptTokens, secondsOf, serve } from './protocol.mjs';

const [reference, weights] = process.argv.slice(2);

await serve({
  async load() {
    const model = await openModel(reference, { weights, threads: 2 });
    if (model.kind === 'encoder') return { embed: ({ texts }) => secondsOf(() => model.embed(texts)) };
    const cache = model.createCache(promptTokens + newTokens + 1);
    return {
      async prefill() {
        cache.truncate(0, 0);
        return secondsOf(() => model.prefill(cache, promptIds));
      },
      async decode() {
        cache.truncate(0, 0);
        let next = await model.prefill(cache, promptIds);
        const total = await secondsOf(async () => {
          for (let i = 0; i < newTokens; i++) next = await model.step(cache, [...next.ids]);
        });
        return total / newTokens;
      },
    };
  },
});
