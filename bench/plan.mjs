/** What a run asks of each engine, and about how long that takes. */
import { promptIds } from './texts.mjs';

/** SmolLM2's, which prompt and steps share. */
export const longest = 8192;

/**
 * Gives what a round asks of an engine, in order: { key, message }. The first counts as the time to the first token, cold, and warms the
 * rest up; a context is measured in the last rounds of all.
 * @param {any} given contexts, steps, batch, rounds, texts, windows and the rows that are wanted
 */
export function requests({ rows, contexts, steps, batch, rounds, texts, windows }) {
  const tokens = (length, steps, prompts = 1) => {
    const held = Math.min(length, longest - steps - 2);
    return { kind: 'tokens', prompts: Array.from({ length: prompts }, (_, row) => promptIds(held, row)), steps };
  };
  const ofContext = ({ length }) => ({
    key: `context ${length}`,
    message: tokens(length, length > 2048 ? Math.ceil(steps / 2) : steps),
  });
  const embed = (key, texts, how) => ({ key, message: { kind: 'embed', texts, how } });
  const first = { key: 'first', message: tokens(512, 0) };
  const inBatch = { key: 'batch', message: tokens(batch.context, steps, batch.rows) };
  const perplexity = Object.entries(windows).map(([name, windows]) => ({
    key: `nll ${name}`,
    message: { kind: 'nll', windows },
  }));
  return (engine, round) => {
    const asks = (row) => rows.has(row) && (engine.rows?.includes(row) ?? true);
    if (engine.kind === 'encoder') {
      if (!asks('embeddings')) return [];
      // What a way needs compiled is compiled over a part that is not counted.
      return engine.ways.flatMap((how) => [embed(`warm ${how}`, texts.slice(0, 64), how), embed(how, texts, how)]);
    }
    const due = contexts.filter(
      (context) => asks('tokens') && round > rounds - context.rounds && (context.length <= 2048 || engine.long),
    );
    return [
      ...(asks('tokens') || asks('batch') ? [first] : []),
      ...due.filter(({ length }) => length <= 512).map(ofContext),
      ...(asks('batch') ? [inBatch] : []),
      ...due.filter(({ length }) => length > 512).map(ofContext),
      ...(asks('perplexity') && round === 1 ? perplexity : []),
    ];
  };
}

/** What an ordinary engine does here, for the plan alone: the true rates are what is to be found out. */
const assumed = {
  load: 5,
  promptTokens: 300,
  longPromptTokens: 180,
  steps: 25,
  batchSteps: 8,
  scoredTokens: 250,
  texts: 80,
  textsAlone: 40,
};

/** Seconds that a request takes at the assumed rates. */
function secondsOf({ key, message }) {
  if (message.kind === 'embed')
    return message.texts.length / (message.how === 'alone' ? assumed.textsAlone : assumed.texts);
  if (message.kind === 'nll') return message.windows.flat().length / assumed.scoredTokens;
  const [length, rows] = [message.prompts[0].length, message.prompts.length];
  const rate = length > 2048 ? assumed.longPromptTokens : assumed.promptTokens;
  return (length * rows) / rate + message.steps / (key === 'batch' ? assumed.batchSteps : assumed.steps);
}

/** { text, seconds } of all rounds. */
export function planOf({ engines, rounds, requestsOf }) {
  const lines = [];
  let seconds = 0;
  for (let round = 1; round <= rounds; round++) {
    const asked = engines.map((engine) => requestsOf(engine, round)).filter((list) => list.length > 0);
    const own = asked.reduce(
      (sum, list) => sum + assumed.load + list.reduce((all, one) => all + secondsOf(one), 0),
      10,
    );
    const keys = [...new Set(asked.flatMap((list) => list.map(({ key }) => key)))].filter(
      (key) => !key.startsWith('warm'),
    );
    lines.push(`round ${round}: ${asked.length} engines, ${keys.join(', ')}; about ${(own / 60).toFixed(0)} min`);
    seconds += own;
  }
  const rates = `at ${assumed.promptTokens} prompt tokens/s and ${assumed.steps} steps/s`;
  return { seconds, text: `${lines.join('\n')}\nin all about ${(seconds / 60).toFixed(0)} min ${rates}` };
}
