import type { Encoded } from '../tokenizers/types.ts';
import { type ClassifiedToken, entitiesOf, withoutOverlaps } from './entities.ts';
import type { HeadContext } from './index.ts';
import { softmax } from './labels.ts';
import type { EncoderHeads, Entity } from './types.ts';

/** Token classification, as transformers' TokenClassificationPipeline. */
export const classifyingTokens =
  ({ facts, program, labels, limitOf, needs }: HeadContext): EncoderHeads['classifyTokens'] =>
  async (texts, { aggregation = 'simple', ignoreLabels = ['O'], stride, maxTokens: limit, ...options } = {}) => {
    needs('token-classification', 'classifies tokens');
    if (stride !== undefined && aggregation === 'none')
      throw new Error('Windows (stride) are joined by their entities; with aggregation "none" there are none.');
    const { tokenizer } = facts;
    const windows = texts.flatMap((text, index) => {
      const window = { offsets: true, maxLength: limitOf(limit), ...(stride === undefined ? {} : { stride }) };
      const encoded = tokenizer.encode(text, window);
      return [encoded, ...(encoded.overflow ?? [])].map((encoded) => ({ index, encoded }));
    });
    const found = new Array<Entity[]>(windows.length);
    await program.logits(
      windows.map(({ encoded }) => encoded),
      options,
      (which, values) => {
        const { index, encoded } = windows[which]!;
        const tokens = tokensOf(texts[index]!, encoded, values, labels.length);
        found[which] = entitiesOf(texts[index]!, tokens, labels, aggregation).filter(
          ({ label }) => !ignoreLabels.includes(label),
        );
      },
    );
    const byText: Entity[][][] = texts.map(() => []);
    for (const [which, { index }] of windows.entries()) byText[index]!.push(found[which]!);
    return byText.map((parts) => (parts.length === 1 ? parts[0]! : withoutOverlaps(parts.flat())));

    /** The text's own tokens with their scores, and whether each goes on with the word before. */
    function tokensOf(text: string, encoded: Encoded, logits: Float32Array, width: number): ClassifiedToken[] {
      return encoded.ids.flatMap((id, place) => {
        if (encoded.specialTokensMask[place]) return [];
        const [start, end] = encoded.offsets![place]!;
        const token = tokenizer.token(id) ?? '';
        const isUnknown = id === tokenizer.unkId;
        // Where the vocabulary marks what goes on with a word, a token longer than its text is marked; elsewhere spaces tell.
        const isSubword = tokenizer.subwordPrefix
          ? characters(token) !== characters(text.slice(start, end))
          : start > 0 && !text.slice(start - 1, start + 1).includes(' ');
        return {
          place,
          id,
          token: isUnknown ? text.slice(start, end) : token,
          start,
          end,
          scores: softmax(logits.subarray(place * width, (place + 1) * width)),
          isSubword: !isUnknown && isSubword,
        };
      });
    }
  };

const characters = (text: string): number => [...text].length;
