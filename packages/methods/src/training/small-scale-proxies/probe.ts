/** A checkpoint that is there, looked into: no training, one pass. */
import { input, type Tensor } from '@working-papers/graph';
import { architectureOf } from '@working-papers/models';
import { activationMetrics } from '@working-papers/training';
import type { RunContext } from '../../contract.ts';
import type { ProbeParameters } from './parameters.ts';
import { probePlot } from './plots.ts';
import { paperLimit } from './report.ts';

/** Largest attention logit, attention entropy and size of the stream of each layer, and log Z of the head, over the beginning of a text. */
export async function probe({ model: reference, text, tokens }: ProbeParameters, context: RunContext): Promise<void> {
  const model = await context.models.open(reference);
  if (model.kind !== 'decoder')
    throw new Error(`A probe looks into decoders; ${reference} is a model of the kind "${model.kind}".`);
  const ids = model.tokenizer.encode(await readText(text, context)).ids.slice(0, Math.min(tokens, model.contextLength));
  if (ids.length < 2) throw new Error('The text has fewer than two tokens; a probe needs some to attend to.');
  const { tap, metrics } = activationMetrics();
  const given: Tensor = input('ids', 'int64', [1, ids.length]);
  architectureOf(model.config).forward(model.config, model.graphWeights, { ids: given }, { tap });
  const program = await model.runtime.compile(metrics, { label: `${model.reference} probe`, signal: context.signal });
  let values: Record<string, number>;
  try {
    const data = BigInt64Array.from(ids, BigInt);
    const out = await program.run(
      { ids: { dtype: 'int64', shape: [1, ids.length], data } },
      { signal: context.signal },
    );
    values = Object.fromEntries(Object.entries(out).map(([name, tensor]) => [name, Number(tensor.data[0])]));
  } finally {
    program.release();
  }
  const layers = Object.keys(values).filter((name) => name.endsWith('.maxLogit')).length;
  const most = Math.log(ids.length);
  const rows = Array.from({ length: layers }, (_, layer) => ({
    layer,
    maxLogit: values[`blocks.${layer}.attention.maxLogit`]!,
    entropy: values[`blocks.${layer}.attention.entropy`]!,
    rms: values[`blocks.${layer}.rms`]!,
  }));
  const top = rows.reduce((a, b) => (b.maxLogit > a.maxLogit ? b : a));
  const sharp = rows.reduce((a, b) => (b.entropy < a.entropy ? b : a));
  const short = (value: number) => Number(value.toPrecision(3));
  context.emit({
    type: 'text',
    markdown: `Over ${ids.length} tokens the largest attention logit of ${model.reference} is ${short(top.maxLogit)}, in layer ${top.layer}: ${
      top.maxLogit > paperLimit
        ? `above the ${paperLimit.toExponential(0)} at which the paper's models had diverged.`
        : `the paper's models had diverged at ${paperLimit.toExponential(0)}, ${short(paperLimit / top.maxLogit)} times as much.`
    } Attention is sharpest in layer ${sharp.layer} (${short(sharp.entropy)} nats on average; a uniform one over all tokens would have ${short(most)}). log Z is ${short(values['logZ.mean']!)} on average and ${short(values['logZ.max']!)} at most; z-loss pulls it towards 0.`,
  });
  context.emit({
    type: 'plot',
    name: 'probe',
    caption: 'Largest attention logit, attention entropy and size of the stream, layer by layer',
    setting: `${model.reference}, ${ids.length} tokens`,
    spec: probePlot(rows),
  });
  context.emit({
    type: 'table',
    name: 'layers',
    caption: 'Every layer',
    columns: [
      { name: 'layer', type: 'number' },
      { name: 'largest logit', type: 'number' },
      { name: 'attention entropy', unit: 'nats', type: 'number' },
      { name: 'RMS of the stream', type: 'number' },
    ],
    rows: rows.map(({ layer, maxLogit, entropy, rms }) => [layer, short(maxLogit), short(entropy), short(rms)]),
  });
}

async function readText(text: string, context: RunContext): Promise<string> {
  const pieces: string[] = [];
  const decoder = new TextDecoder();
  for await (const piece of context.bytes(text)) pieces.push(decoder.decode(piece, { stream: true }));
  return pieces.join('');
}
