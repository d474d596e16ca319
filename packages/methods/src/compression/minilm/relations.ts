/**
 * What is imitated (section 3): per head a, A_a = softmax(Q_a K_a' / sqrt(d_k)) and VR_a = softmax(V_a V_a' / sqrt(d_k)), each row a
 * distribution over the tokens that a token may see. All stay logits here: the divergence takes the softmax itself.
 */
import { add, cast, expand, fusedMatmul, type Tensor, unsqueeze } from '@working-papers/graph';
import {
  type Attention,
  type AttentionInput,
  architectureOf,
  causalMask,
  denseAttention,
  denseEncoderAttention,
  type EncoderAttentionInput,
  type EncoderParts,
  headsApart,
  headsTogether,
  type ModelKind,
  paddingMask,
  trainingAttention,
  trainingEncoderAttention,
} from '@working-papers/models';
import { klDivergence } from '@working-papers/training';
import { isCausal, type Side } from './student.ts';

/** The inputs of a batch: int64 `[rows, length]` each. */
export interface BatchTensors {
  ids: Tensor;
  /** 1 for a token, 0 for padding. */
  mask: Tensor;
}

/** One layer's attention, as far as it is imitated. */
export interface Attended {
  /** Q K' / sqrt(d_k) with the mask, `[rows, A, n, n]`. */
  scores: Tensor;
  /** Queries, keys and values, `[rows, n, heads * d_k]`, and the heads that each is made of. */
  query: Tensor;
  key: Tensor;
  value: Tensor;
  heads: number;
  kvHeads: number;
}

/**
 * The attention of a layer (counted from 0) over a batch. Nothing after it is part of a graph that is built on this: neither the layer's
 * output product nor its MLP.
 * @param learns plain operations throughout, through which gradients flow; else fused kernels up to the layer
 */
export function attendedBy(
  { config, weights }: Side,
  { ids, mask }: BatchTensors,
  layer: number,
  learns: boolean,
): Attended {
  const found = new Map<string, Tensor>();
  const prefix = `blocks.${layer}.attention.`;
  const architecture = architectureOf(config);
  const parts = learns ? { attention: learningAttention(architecture.kind, layer) } : undefined;
  architecture.forward(
    config,
    weights,
    { ids, mask },
    {
      parts,
      tap: (name, tensor) => {
        if (name.startsWith(prefix)) found.set(name.slice(prefix.length), tensor);
      },
    },
  );
  const part = (name: string): Tensor => {
    const tensor = found.get(name);
    if (!tensor) throw new Error(`There is no layer ${layer + 1} with an attention to imitate.`);
    return tensor.shape.length === 4 && name !== 'scores' ? headsTogether(tensor) : tensor;
  };
  const heads = config.num_attention_heads;
  return {
    scores: part('scores'),
    query: part('query'),
    key: part('key'),
    value: part('value'),
    heads,
    kvHeads: config.num_key_value_heads ?? heads,
  };
}

/** Attention with its gradient written out below the layer that is looked at, in plain operations there. */
function learningAttention(kind: ModelKind, watched: number): Attention | EncoderParts['attention'] {
  if (kind === 'encoder')
    return (input: EncoderAttentionInput) =>
      input.layer === watched ? denseEncoderAttention(input) : trainingEncoderAttention({ ...input, watched: false });
  const training = trainingAttention();
  return (input: AttentionInput) =>
    input.layer === watched ? denseAttention(input) : training({ ...input, watched: false });
}

/** The mask over relations `[rows, 1, n, n]` or `[rows, 1, 1, n]`: padding is not seen, nor is, by a decoder, what comes later. */
export function seenBy(causal: boolean, mask: Tensor): Tensor {
  return causal ? add(causalMask(mask.shape[1]!), paddingMask(mask)) : paddingMask(mask);
}

/** X_a X_a' / sqrt(d_k) for each of `heads` heads of `x` `[rows, n, heads * d_k]`, with the mask: `[rows, heads, n, n]`. */
export function relation(x: Tensor, heads: number, seen: Tensor): Tensor {
  const width = (x.shape[2] as number) / heads;
  const apart = headsApart(x, heads, width);
  return add(fusedMatmul(apart, apart, { transposeB: true, alpha: 1 / Math.sqrt(width) }), seen);
}

/** Mean over heads and real tokens of KL(teacher || student), both `[rows, heads, n, n]`. */
export function divergence(teacher: Tensor, student: Tensor, mask: Tensor): Tensor {
  const [rows, heads, n] = student.shape;
  const weights = expand(unsqueeze(cast(mask, 'float32'), [1]), [rows!, heads!, n!]);
  return klDivergence(teacher, student, { weights });
}

export interface RelationOptions {
  /** L_AT, the attention's distributions. Default true. */
  useAT?: boolean | undefined;
  /** L_VR, the value relation. Default true. */
  useVR?: boolean | undefined;
  /** MiniLMv2 (arXiv 2012.15828, an extension here): relations of queries, of keys and of values, each cut into so many heads. */
  relationHeads?: number | undefined;
  /** The teacher's layer that is imitated, counted from 1. Default its last. */
  teacherLayer?: number | undefined;
}

/** The loss, and its parts by the names they are logged under. */
export interface Objective {
  loss: Tensor;
  parts: Record<string, Tensor>;
}

/** L = L_AT + L_VR (equations 4 to 6) between the teacher's layer and the student's last. No gradient flows to the teacher. */
export function relationLoss(
  teacher: Side,
  student: Side,
  batch: BatchTensors,
  options: RelationOptions = {},
): Objective {
  const { useAT = true, useVR = true, relationHeads, teacherLayer = teacher.config.num_hidden_layers } = options;
  if (!useAT && !useVR) throw new Error('Of useAT and useVR one must be on: without both there is nothing to imitate.');
  const T = attendedBy(teacher, batch, teacherLayer - 1, false);
  const S = attendedBy(student, batch, student.config.num_hidden_layers - 1, true);
  const seen = seenBy(isCausal(student.config), batch.mask);
  const related = (name: 'query' | 'key' | 'value', headsOfT: number, headsOfS: number) =>
    divergence(relation(T[name], headsOfT, seen), relation(S[name], headsOfS, seen), batch.mask);
  const parts: Record<string, Tensor> = {};
  if (relationHeads !== undefined) {
    if (useAT) {
      parts.L_QQ = related('query', relationHeads, relationHeads);
      parts.L_KK = related('key', relationHeads, relationHeads);
    }
    if (useVR) parts.L_VV = related('value', relationHeads, relationHeads);
  } else {
    if (useAT) parts.L_AT = divergence(T.scores, S.scores, batch.mask);
    if (useVR) parts.L_VR = related('value', T.kvHeads, S.kvHeads);
  }
  return { loss: Object.values(parts).reduce((sum, part) => add(sum, part)), parts };
}
