/** node ours.mjs REFERENCE WEIGHTS */
import { readFileSync } from 'node:fs';
import { openModel } from '../../packages/models/dist/node/index.js';
import { secondsOf, serve } from './protocol.mjs';

const [reference, weights] = process.argv.slice(2);
const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));

function decoder(model) {
  return {
    async tokens({ prompts, steps }) {
      const cache = model.createCache(prompts[0].length + steps + 1, prompts.length);
      let ids = [];
      const prefill = await secondsOf(async () => {
        for (const [row, prompt] of prompts.entries())
          ids.push((await model.prefill(prompts.length > 1 ? cache.view(row) : cache, prompt)).ids[0]);
      });
      const step = async () => {
        ids = [...(await model.step(cache, ids)).ids];
      };
      if (steps > 0) await step();
      const decode = await secondsOf(async () => {
        for (let i = 0; i < steps; i++) await step();
      });
      cache.release();
      return { prefill, decode: decode / steps };
    },
    async nll({ windows }) {
      let [sum, count] = [0, 0];
      for (const ids of windows) {
        for (const value of await model.nll(ids)) sum += value;
        count += ids.length - 1;
      }
      return { sum, count };
    },
  };
}

const embedders = {
  async alone(model, texts) {
    for (const text of texts) await model.embed([text]);
  },
  together: (model, texts) => model.embed(texts),
};

await serve({
  version: `working-papers ${version}`,
  async load() {
    const model = await openModel(reference, { weights, threads: 2 });
    if (model.kind !== 'encoder') return decoder(model);
    return {
      async embed({ texts, how }) {
        return { seconds: await secondsOf(() => embedders[how](model, texts)) };
      },
    };
  },
});
