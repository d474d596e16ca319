/** node transformers.mjs causal|embed FOLDER DTYPE: @huggingface/transformers on files that bench/prepare.py made */
import { AutoModelForCausalLM, env, pipeline, Tensor } from '@huggingface/transformers';
import { newTokens, promptIds, promptTokens, secondsOf, serve } from './protocol.mjs';

const [task, folder, dtype] = process.argv.slice(2);
env.allowRemoteModels = false;
env.localModelPath = '/';
const session_options = { intraOpNumThreads: 2, interOpNumThreads: 1 };

await serve({
  async load() {
    if (task === 'embed') {
      const extract = await pipeline('feature-extraction', folder, { dtype, device: 'cpu', session_options });
      // Sorted by length and in batches of 32, as ours does: its own default pads everything to the longest.
      const embed = async ({ texts }) => {
        const sorted = [...texts].sort((a, b) => a.length - b.length);
        return secondsOf(async () => {
          for (let at = 0; at < sorted.length; at += 32)
            await extract(sorted.slice(at, at + 32), { pooling: 'mean', normalize: true });
        });
      };
      return { embed };
    }
    const model = await AutoModelForCausalLM.from_pretrained(folder, { dtype, device: 'cpu', session_options });
    const ids = new Tensor('int64', BigInt64Array.from(promptIds, BigInt), [1, promptTokens]);
    const mask = new Tensor('int64', new BigInt64Array(promptTokens).fill(1n), [1, promptTokens]);
    const generate = (count) =>
      secondsOf(() =>
        model.generate({
          inputs: ids,
          attention_mask: mask,
          max_new_tokens: count,
          min_new_tokens: count,
          do_sample: false,
        }),
      );
    return {
      prefill: () => generate(1),
      async decode() {
        const one = await generate(1);
        return ((await generate(newTokens + 1)) - one) / newTokens;
      },
    };
  },
});
