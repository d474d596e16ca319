import type { ModelConfig } from '../formats/types.ts';
import type { HeadContext } from './index.ts';
import { checkCount, largest, softmax } from './labels.ts';
import type { ClassifyOptions, EncoderHeads } from './types.ts';

/** Sequence classification, as transformers' TextClassificationPipeline. */
export const classifying =
  ({ facts, program, labels, tokenize, needs }: HeadContext): EncoderHeads['classify'] =>
  async (texts, { topK = 5, scores, ...options } = {}) => {
    needs('sequence-classification', 'classifies texts');
    checkCount('topK', topK);
    const score = scorers[scores ?? problemScores(facts.config, labels.length)];
    const answers = new Array<{ index: number; label: string; score: number }[]>(texts.length);
    await program.logits(tokenize(texts, options), options, (text, logits) => {
      const values = score(logits);
      answers[text] = largest(values, topK).map((index) => ({ index, label: labels[index]!, score: values[index]! }));
    });
    return answers;
  };

type Scores = NonNullable<ClassifyOptions['scores']>;

const scorers: Record<Scores, (logits: Float32Array) => ArrayLike<number>> = {
  softmax,
  sigmoid: (logits) => Float64Array.from(logits, (value) => 1 / (1 + Math.exp(-value))),
  logits: (logits) => logits.slice(),
};

/** What the problem that the head was trained on makes of logits. */
function problemScores({ problem_type: problem }: ModelConfig, labels: number): Scores {
  if (problem === 'regression') return 'logits';
  return problem === 'multi_label_classification' || labels === 1 ? 'sigmoid' : 'softmax';
}
