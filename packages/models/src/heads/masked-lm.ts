import { scoreIn } from '../generation/choice.ts';
import { largestIds, massOf } from '../generation/logits/warpers.ts';
import type { HeadContext } from './index.ts';
import { checkCount } from './labels.ts';
import type { EncoderHeads, FilledMask, FillMaskOptions, PseudoLogLikelihood } from './types.ts';

/** Masked language models: what stands in a gap (transformers' FillMaskPipeline), and how probable a whole text is. */
export function masking(context: HeadContext): Pick<EncoderHeads, 'fillMask' | 'pseudoLogLikelihood'> {
  return {
    fillMask: (texts, options = {}) => fillMask(context, texts, options),
    pseudoLogLikelihood: (rows, options = {}) => pseudoLogLikelihood(context, rows, options),
  };
}

async function fillMask(
  { facts, program, tokenize, needs }: HeadContext,
  texts: readonly string[],
  { topK = 5, targets, ...options }: FillMaskOptions,
): Promise<FilledMask[][]> {
  needs('masked-lm', 'fills masks');
  checkCount('topK', topK);
  const { tokenizer } = facts;
  const rows = tokenize(texts, options);
  const mask = maskOf(facts);
  const places = rows.map(({ ids }) => ids.flatMap((id, place) => (id === mask ? [place] : [])));
  const without = places.findIndex((found) => found.length === 0);
  if (without >= 0) {
    const { ids, truncated } = rows[without]!;
    const where = truncated ? ` among the first ${ids.length} tokens, to which it was cut` : '';
    throw new Error(`Text ${without} has no mask${where}. Write ${tokenizer.token(mask)} where a token is wanted.`);
  }
  const wanted = targets && targetIds(facts, targets);
  const answers = new Array<FilledMask[]>(texts.length);
  await program.logits(
    rows,
    options,
    (text, values, [count, vocabulary]) => {
      const { ids } = rows[text]!;
      const decode = (filled: readonly number[]) =>
        tokenizer.decode(
          filled.filter((id) => id !== tokenizer.padId),
          // Special tokens go, unless other masks would go with them.
          { skipSpecialTokens: count === 1 },
        );
      answers[text] = places[text]!.map((place, nth) => {
        const logits = values.subarray(nth * vocabulary!, (nth + 1) * vocabulary!);
        const { top, mass } = massOf(logits);
        const found = wanted
          ? wanted.toSorted((one, other) => logits[other]! - logits[one]! || one - other).slice(0, topK)
          : largestIds(logits, topK);
        const fillings = found.map((id) => ({
          id,
          text: tokenizer.decode([id]),
          score: Math.exp(logits[id]! - top) / mass,
          sequence: decode(ids.with(place, id)),
        }));
        return { place, fillings };
      });
    },
    places,
  );
  return answers;
}

/** The ids of targets, each once. */
function targetIds({ tokenizer, config }: HeadContext['facts'], targets: readonly string[]): number[] {
  if (targets.length === 0) throw new Error('There are no targets. Give at least one, or none to look at all tokens.');
  const ids = targets.map((target) => {
    const known = tokenizer.tokenId(target);
    const read = known === undefined ? tokenizer.encode(target, { addSpecialTokens: false }).ids : [known];
    if (read.length === 1 && read[0]! < config.vocab_size && (known !== undefined || read[0] !== tokenizer.unkId))
      return read[0]!;
    const as = read.map((id) => tokenizer.token(id)).join(' ');
    throw new Error(`The target ${JSON.stringify(target)} is not one token of the model, which reads it as "${as}".`);
  });
  return [...new Set(ids)];
}

async function pseudoLogLikelihood(
  { facts, program, needs }: HeadContext,
  rows: readonly (readonly number[])[],
  { places, ...options }: Parameters<EncoderHeads['pseudoLogLikelihood']>[1] & object,
): Promise<PseudoLogLikelihood[]> {
  needs('masked-lm', 'has pseudo-log-likelihoods');
  const mask = maskOf(facts);
  const scored = rows.map((ids, row) => places?.[row] ?? ids.flatMap((id, i) => (isText(facts, id) ? [i] : [])));
  for (const [row, own] of scored.entries()) {
    const odd = own.find((place) => !Number.isInteger(place) || place < 0 || place >= rows[row]!.length);
    if (odd !== undefined)
      throw new Error(`Place ${odd} of text ${row} cannot be scored: it has ${rows[row]!.length} tokens.`);
  }
  const answers = scored.map((own) => ({
    places: [...own],
    logProbabilities: new Float64Array(own.length),
    total: 0,
  }));
  const total = scored.reduce((sum, own) => sum + own.length, 0);
  let done = 0;
  for (const group of groupsOf(rows, scored)) {
    await program.logits(
      group.map(({ row, place }) => ({ ids: rows[row]!.with(place, mask) })),
      { ...options, onProgress: (progress) => options.onProgress?.({ done: done + progress.done, total }) },
      (index, values) => {
        const { row, place, nth } = group[index]!;
        answers[row]!.logProbabilities[nth] = scoreIn(values, rows[row]![place]!, 0).logProbability;
      },
      group.map(({ place }) => [place]),
    );
    done += group.length;
  }
  for (const answer of answers) answer.total = answer.logProbabilities.reduce((sum, one) => sum + one, 0);
  return answers;
}

/** Tokens of the masked rows that stand in memory together. */
const groupTokens = 2 ** 20;

/** Every place to be scored, in groups. */
function* groupsOf(rows: readonly (readonly number[])[], scored: readonly (readonly number[])[]) {
  let group: { row: number; place: number; nth: number }[] = [];
  let tokens = 0;
  for (const [row, own] of scored.entries()) {
    for (const [nth, place] of own.entries()) {
      group.push({ row, place, nth });
      tokens += rows[row]!.length;
      if (tokens < groupTokens) continue;
      yield group;
      group = [];
      tokens = 0;
    }
  }
  if (group.length > 0) yield group;
}

function maskOf({ tokenizer, config, reference }: HeadContext['facts']): number {
  const mask = tokenizer.maskId ?? config.mask_token_id;
  if (typeof mask === 'number') return mask;
  throw new Error(`${reference} names no mask token in its tokenizer or configuration, so nothing can be masked.`);
}

/** Whether a token is of a text, not one that the model adds to it; an unknown word's is. */
function isText({ tokenizer, config }: HeadContext['facts'], id: number): boolean {
  if (!tokenizer.missing) return id === tokenizer.unkId || tokenizer.bytesOf(id) !== undefined;
  const { eos_token_id: eos, bos_token_id, pad_token_id, cls_token_id, sep_token_id } = config;
  return ![eos, bos_token_id, pad_token_id, cls_token_id, sep_token_id].flat().includes(id);
}
