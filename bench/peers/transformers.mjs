/** node transformers.mjs causal|embed FOLDER DTYPE: @huggingface/transformers on files that bench/prepare.py made */
import { AutoModelForCausalLM, BaseStreamer, env, pipeline, Tensor } from '@huggingface/transformers';
import { lengthSortedBatches, nllOf, secondsOf, serve } from './protocol.mjs';

const [task, folder, dtype] = process.argv.slice(2);
env.allowRemoteModels = false;
env.localModelPath = '/';
const session_options = { intraOpNumThreads: 2, interOpNumThreads: 1 };

/** When each token came: the prompt itself, what follows it, and so on. */
class Stamps extends BaseStreamer {
  times = [];
  put() {
    this.times.push(performance.now() / 1000);
  }
  end() {}
}

const rectangle = (rows, fill) =>
  new Tensor('int64', BigInt64Array.from(rows.flat(), fill ?? BigInt), [rows.length, rows[0].length]);

async function encoder() {
  const extract = await pipeline('feature-extraction', folder, { dtype, device: 'cpu', session_options });
  const embed = (texts) => extract(texts, { pooling: 'mean', normalize: true });
  return {
    async embed({ texts, how }) {
      // Sorted by length, for its own default pads everything to the longest.
      const batches = how === 'alone' ? texts.map((text) => [text]) : lengthSortedBatches(texts);
      const seconds = await secondsOf(async () => {
        for (const batch of batches) await embed(batch);
      });
      return { seconds };
    },
  };
}

async function decoder() {
  const model = await AutoModelForCausalLM.from_pretrained(folder, { dtype, device: 'cpu', session_options });
  return {
    async tokens({ prompts, steps }) {
      const count = steps > 0 ? steps + 2 : 1;
      const streamer = new Stamps();
      const began = performance.now() / 1000;
      await model.generate({
        inputs: rectangle(prompts),
        attention_mask: rectangle(prompts, () => 1n),
        max_new_tokens: count,
        min_new_tokens: count,
        do_sample: false,
        streamer,
      });
      const { times } = streamer;
      return { prefill: times[1] - began, decode: (times[steps + 2] - times[2]) / steps };
    },
    async nll({ windows }) {
      let [sum, count] = [0, 0];
      for (const ids of windows) {
        const { logits } = await model({ input_ids: rectangle([ids]), attention_mask: rectangle([ids], () => 1n) });
        sum += nllOf(logits.data, ids, logits.dims[2]);
        count += ids.length - 1;
      }
      return { sum, count };
    },
  };
}

await serve({ version: `transformers.js ${env.version}`, load: task === 'embed' ? encoder : decoder });
