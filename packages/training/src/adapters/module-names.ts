import { architectureOf, type ModelConfig } from '@working-papers/models';
import type { BaseModel } from './types.ts';

/** What transformers' class of a model calls its modules. */
interface Family {
  /** What the names of the body begin with, where a class has a head beside it. */
  body: string;
  /** The product that gives the logits of tokens. */
  head: string;
  /** Names that are others in checkpoints than in the class (transformers 5), # a number. */
  renamed?: readonly (readonly [inCheckpoint: string, inClass: string])[];
}

const vitBlock = ['encoder.layer.#', 'layers.#'] as const;
const families: Record<string, Family> = {
  gpt2: { body: 'transformer.', head: 'lm_head' },
  gpt_neox: { body: 'gpt_neox.', head: 'lm_head', renamed: [['embed_out', 'lm_head']] },
  bert: { body: 'bert.', head: 'cls.predictions.decoder' },
  roberta: { body: 'roberta.', head: 'lm_head.decoder' },
  'xlm-roberta': { body: 'roberta.', head: 'lm_head.decoder' },
  distilbert: { body: 'distilbert.', head: 'vocab_projector' },
  mpnet: { body: 'mpnet.', head: 'lm_head.decoder' },
  albert: { body: 'albert.', head: 'predictions.decoder' },
  esm: { body: 'esm.', head: 'lm_head.decoder' },
  bart: { body: 'model.', head: 'lm_head' },
  mbart: { body: 'model.', head: 'lm_head' },
  marian: { body: 'model.', head: 'lm_head' },
  vit: {
    body: 'vit.',
    head: 'classifier',
    renamed: [
      ['attention.attention.query', 'attention.q_proj'],
      ['attention.attention.key', 'attention.k_proj'],
      ['attention.attention.value', 'attention.v_proj'],
      ['attention.output.dense', 'attention.o_proj'],
      ['intermediate.dense', 'mlp.fc1'],
      ['output.dense', 'mlp.fc2'],
    ].map(([before, now]) => [`${vitBlock[0]}.${before}`, `${vitBlock[1]}.${now}`] as const),
  },
};
const otherwise: Family = { body: '', head: 'lm_head' };

/** What stands beside the body in a class with a head. */
export const besideBody =
  /^(lm_head|embed_out|score|classifier|pre_classifier|sop_classifier|qa_outputs|cls|predictions|vocab_\w+)\./;

/** Between names in a checkpoint and in transformers' class of the model. */
export interface ModuleNames {
  /** The module whose product gives the logits of tokens. */
  readonly head: string;
  /** What a checkpoint calls the weight of it that is no table's. */
  readonly headWeight: string;
  /** A checkpoint's name as the class has it. */
  inClass(name: string): string;
  /** A class's name, in this version of transformers or the one before, as the checkpoint has it; the same where it has none of the kind. */
  inCheckpoint(name: string): string;
}

/**
 * Checkpoints may leave out what the names of the body begin with (`h.0...` for `transformer.h.0...`), and adapters of a body alone do
 * the same; transformers takes all of them for one model.
 */
export function moduleNames({ config, tensors }: BaseModel): ModuleNames {
  const { body, head, renamed = [] } = families[config.model_type] ?? otherwise;
  const bare = body !== '' && ![...tensors.keys()].some((name) => name.startsWith(body));
  const added = bare && hasHead(config) ? body : '';
  const toClass = renaming(renamed);
  const fromClass = renaming(renamed.map(([before, now]) => [now, before]));
  return {
    head,
    headWeight: fromClass(`${head}.weight`),
    inClass: (name) => toClass(besideBody.test(name) ? name : added + name),
    inCheckpoint(name) {
      const candidates = [name, fromClass(name)].flatMap((one) => [
        one,
        one.startsWith(body) ? one.slice(body.length) : body + one,
      ]);
      return candidates.find((candidate) => tensors.has(candidate)) ?? name;
    },
  };
}

/** Exchanges the first pattern that stands in a name, between dots. */
function renaming(pairs: readonly (readonly [from: string, to: string])[]): (name: string) => string {
  const rules = pairs.map(([from, to]) => ({
    pattern: new RegExp(`(^|\\.)${from.replaceAll('.', '\\.').replaceAll('#', '(\\d+)')}(?=\\.)`),
    replacement: `$1${to.replaceAll('#', '$2')}`,
  }));
  return (name) => {
    const rule = rules.find(({ pattern }) => pattern.test(name));
    return rule ? name.replace(rule.pattern, rule.replacement) : name;
  };
}

/** Whether transformers' class of a model has a head around the body; a configuration that names none is a decoder's with its head. */
function hasHead(config: ModelConfig): boolean {
  const named = config.architectures?.[0];
  if (named === undefined) return architectureOf(config).kind === 'decoder';
  return /(LMHead|DoubleHeads)Model$/.test(named) || !named.endsWith('Model');
}

const tasks: readonly [of: RegExp, task: string][] = [
  [/ForCausalLM$|(LMHead|DoubleHeads)Model$/, 'CAUSAL_LM'],
  [/ForSequenceClassification$/, 'SEQ_CLS'],
  [/ForTokenClassification$/, 'TOKEN_CLS'],
  [/ForQuestionAnswering$/, 'QUESTION_ANS'],
  [/ForConditionalGeneration$|^MarianMTModel$/, 'SEQ_2_SEQ_LM'],
  [/Model$/, 'FEATURE_EXTRACTION'],
];

/** What peft calls the task of a model's class; undefined where it has no word for it, and takes the class as it is. */
export function taskTypeOf(config: ModelConfig): string | undefined {
  const named = config.architectures?.[0];
  if (named === undefined) return architectureOf(config).kind === 'decoder' ? 'CAUSAL_LM' : undefined;
  return tasks.find(([of]) => of.test(named))?.[1];
}
