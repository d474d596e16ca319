import type { ModelConfig } from '../formats/types.ts';
import type { EncoderHead } from './encoder-heads.ts';
import { encoderOf } from './index.ts';

/** What transformers' classes of a model type begin with. */
const classNames: Record<string, string> = {
  bert: 'Bert',
  roberta: 'Roberta',
  'xlm-roberta': 'XLMRoberta',
  mpnet: 'MPNet',
  distilbert: 'DistilBert',
  albert: 'Albert',
  esm: 'Esm',
};

const suffixes: Record<EncoderHead, string> = {
  'masked-lm': 'ForMaskedLM',
  'sequence-classification': 'ForSequenceClassification',
  'token-classification': 'ForTokenClassification',
  'multiple-choice': 'ForMultipleChoice',
  'question-answering': 'ForQuestionAnswering',
};

/**
 * An encoder's configuration as transformers has it for the class with that head, and the names and shapes of the head's weights; `labels`
 * are the names of what it tells apart. Throws a sentence for a decoder, and where models of the type have no such head.
 */
export function withNewHead(
  config: ModelConfig,
  head: EncoderHead,
  labels: readonly string[] = [],
): { config: ModelConfig; shapes: Map<string, readonly number[]> } {
  const shapes = encoderOf(config).headShapes(config, head, labels.length);
  const named = Object.hasOwn(classNames, config.model_type) ? classNames[config.model_type]! : config.model_type;
  const changed: ModelConfig = { ...config, architectures: [`${named}${suffixes[head]}`] };
  if (labels.length > 0) {
    changed.id2label = Object.fromEntries(labels.map((label, index) => [index, label]));
    changed.label2id = Object.fromEntries(labels.map((label, index) => [label, index]));
    if (head === 'sequence-classification') changed.problem_type = 'single_label_classification';
  }
  return { config: changed, shapes };
}
