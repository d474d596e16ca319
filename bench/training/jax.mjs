/** node jax.mjs SHAPE: steps of AdamW on the GPT by jax-js (WebAssembly, the backend that it has in Node), in the protocol of ../peers/protocol.mjs. */
import { blockUntilReady, defaultDevice, init, jit, nn, numpy as np, random, tree, valueAndGrad } from '@jax-js/jax';
import { secondsOf, serve } from '../peers/protocol.mjs';

const { rows, length, layers, hidden, heads, intermediate, vocabulary } = JSON.parse(process.argv[2]);

// An array is used up by what is computed of it; `ref` keeps it for another use.
const normed = (x, { gain, bias }) => nn.standardize(x, -1).mul(gain).add(bias);
const linear = (x, { weight, bias }) => np.matmul(x, weight).add(bias);

// Its einsum, and its own attention with it, need iterator helpers, which Node 20 does not have.
function attention(qkv) {
  const [q, k, v] = np
    .split(qkv, 3, -1)
    .map((part) => part.reshape([rows, length, heads, hidden / heads]).transpose([0, 2, 1, 3]));
  const scores = np.matmul(q, k.transpose([0, 1, 3, 2])).mul(Math.sqrt(heads / hidden));
  const hides = np.triu(np.full([length, length], -1e30), 1);
  return np
    .matmul(nn.softmax(scores.add(hides), -1), v)
    .transpose([0, 2, 1, 3])
    .reshape([rows, length, hidden]);
}

function block(x, { before, qkv, out, between, inner, outer }) {
  const attended = attention(linear(normed(x.ref, before), qkv));
  const middle = x.add(linear(attended, out));
  const added = linear(nn.gelu(linear(normed(middle.ref, between), inner)), outer);
  return middle.add(added);
}

// Rows are picked by products with one-hot rows: under jit its gradient of `take`, a scatter, fails.
function loss({ tokens, places, blocks, norm }, ids, labels) {
  let x = np.matmul(nn.oneHot(ids, vocabulary), tokens.ref).add(places);
  for (const one of blocks) x = block(x, one);
  const logits = np.matmul(normed(x, norm), tokens.transpose());
  return nn.oneHot(labels, vocabulary).mul(nn.logSoftmax(logits, -1)).sum(-1).mean().neg();
}

const [rate, b1, b2, eps, decay] = [1e-4, 0.9, 0.999, 1e-8, 0.1];

/** One step: the loss, weights and both moments, and the norm of all gradients. */
const step = jit((weights, means, squares, count, ids, labels) => {
  const [value, gradients] = valueAndGrad(loss)(tree.ref(weights), ids, labels);
  const norm = np.sqrt(
    tree
      .leaves(tree.ref(gradients))
      .map((g) => np.square(g).sum())
      .reduce((a, b) => a.add(b)),
  );
  const newMeans = tree.map((m, g) => m.mul(b1).add(g.mul(1 - b1)), means, tree.ref(gradients));
  const newSquares = tree.map((v, g) => v.mul(b2).add(np.square(g).mul(1 - b2)), squares, gradients);
  const corrected = (b) => np.subtract(1, np.power(b, count.ref));
  const newWeights = tree.map(
    (w, m, v) => {
      const root = np.sqrt(v.div(corrected(b2))).add(eps);
      return w.mul(1 - rate * decay).sub(m.div(corrected(b1)).div(root).mul(rate));
    },
    weights,
    tree.ref(newMeans),
    tree.ref(newSquares),
  );
  return { value, norm, weights: newWeights, means: newMeans, squares: newSquares };
});

await serve({
  version: 'jax-js',
  async load() {
    await init('wasm');
    defaultDevice('wasm');
    let key = 0;
    const uniform = (shape) => random.uniform(random.key(key++), shape, { minval: -0.035, maxval: 0.035 });
    const norm = () => ({ gain: np.ones([hidden]), bias: np.zeros([hidden]) });
    const product = (from, to) => ({ weight: uniform([from, to]), bias: np.zeros([to]) });
    let weights = {
      tokens: uniform([vocabulary, hidden]),
      places: uniform([length, hidden]),
      blocks: Array.from({ length: layers }, () => ({
        before: norm(),
        qkv: product(hidden, 3 * hidden),
        out: product(hidden, hidden),
        between: norm(),
        inner: product(hidden, intermediate),
        outer: product(intermediate, hidden),
      })),
      norm: norm(),
    };
    const zeros = () => tree.map((w) => np.zerosLike(w), tree.ref(weights));
    let [means, squares] = [zeros(), zeros()];
    let done = 0;
    const ids = () =>
      np
        .array(Int32Array.from({ length: rows * length }, () => Math.floor(Math.random() * vocabulary)))
        .reshape([rows, length]);
    return {
      async train({ steps }) {
        let value;
        const seconds = await secondsOf(async () => {
          for (let i = 0; i < steps; i++) {
            done += 1;
            const next = step(weights, means, squares, np.array(done), ids(), ids());
            ({ weights, means, squares } = next);
            await blockUntilReady(tree.ref(weights));
            await next.norm.data();
            value = (await next.value.data())[0];
          }
        });
        return { seconds: seconds / steps, loss: value };
      },
    };
  },
});
