import type { EncoderHead } from '../architectures/encoder-heads.ts';
import type { Row } from '../embedding/parts.ts';
import type { EncoderProgram } from '../embedding/program.ts';
import type { Tokenizing } from '../embedding/tokenize.ts';
import type { ModelFacts } from '../model-facts.ts';
import { answering } from './answers.ts';
import { choosing } from './choices.ts';
import { labelsOf } from './labels.ts';
import { masking } from './masked-lm.ts';
import { classifying } from './sequences.ts';
import { classifyingTokens } from './tokens.ts';
import type { EncoderHeads, HeadLogits, RunOptions } from './types.ts';

export interface HeadParts extends Tokenizing {
  facts: ModelFacts;
  program: EncoderProgram;
}

/** What the heads share. */
export interface HeadContext extends HeadParts {
  labels: readonly string[];
  /** Throws a sentence unless the checkpoint's head is this one; `does` says what for: "classifies texts". */
  needs(head: EncoderHead, does: string): void;
  /** The logits of each row in memory of their own. */
  all(rows: readonly Row[], options: RunOptions): Promise<HeadLogits[]>;
}

/** What a checkpoint's head answers, and sentences where it is another. */
export function createHeads(parts: HeadParts): EncoderHeads {
  const { facts, program } = parts;
  const { head } = program;
  const names = head === 'sequence-classification' || head === 'token-classification';
  const labels = names ? labelsOf(facts.config, program.logitsWidth!) : undefined;
  const all: HeadContext['all'] = async (rows, options) => {
    const answers = new Array<HeadLogits>(rows.length);
    await program.logits(rows, options, (index, values, shape) => {
      answers[index] = { logits: values.slice(), shape };
    });
    return answers;
  };
  const context: HeadContext = {
    ...parts,
    labels: labels ?? [],
    all,
    needs(wanted, does) {
      if (head === wanted) return;
      const has = head === undefined ? 'no head: it embeds texts' : `the head "${head}"`;
      throw new Error(`${facts.reference} has ${has}. What ${does} is a model with the head "${wanted}".`);
    },
  };
  return {
    ...(head === undefined ? {} : { head }),
    ...(labels === undefined ? {} : { labels }),
    async logits(rows, options = {}) {
      if (head === undefined) throw new Error(`${facts.reference} has no head, so no logits: it embeds texts.`);
      return all(rows, options);
    },
    classify: classifying(context),
    classifyTokens: classifyingTokens(context),
    ...masking(context),
    choose: choosing(context),
    answer: answering(context),
  };
}
