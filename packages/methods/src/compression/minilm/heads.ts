/** Teacher's and student's attention over one sentence, head by head. */
import { input, softmax } from '@working-papers/graph';
import type { Runtime } from '@working-papers/runtime';
import type { Teacher } from './distill.ts';
import { inputsOf } from './held-out.ts';
import type { HeadMaps } from './plots.ts';
import { attendedBy } from './relations.ts';
import type { Side } from './student.ts';

/** Tokens of the sentence that are drawn. */
const drawn = 20;

/** A head with KL(teacher || student), the mean over the sentence's tokens, in nats. */
export interface ComparedHead extends HeadMaps {
  divergence: number;
}

/**
 * The last attention of teacher (or of its layer `teacherLayer`, counted from 1) and student over a sentence, a map a head; those heads that
 * both have.
 */
export async function comparedHeads(
  teacher: Teacher,
  student: Side,
  sentence: string,
  teacherLayer = teacher.config.num_hidden_layers,
): Promise<ComparedHead[]> {
  const { runtime, tokenizer, config } = teacher;
  const { ids } = tokenizer.encode(sentence, { maxLength: drawn });
  const [t, s] = [
    await attentionOver(runtime, { config, weights: teacher.graphWeights }, teacherLayer - 1, ids),
    await attentionOver(runtime, student, student.config.num_hidden_layers - 1, ids),
  ];
  const tokens = ids.map((id) => tokenizer.token(id) ?? String(id));
  return Array.from({ length: Math.min(t.length, s.length) }, (_, head) => ({
    head: head + 1,
    tokens,
    teacher: t[head]!,
    student: s[head]!,
    divergence:
      t[head]!.reduce((sum, p, at) => sum + (p > 0 ? p * Math.log(p / Math.max(s[head]![at]!, 1e-30)) : 0), 0) /
      ids.length,
  }));
}

/** The attention of a layer (counted from 0) over one text: a map a head, row by row. */
async function attentionOver(
  runtime: Runtime,
  side: Side,
  layer: number,
  ids: readonly number[],
): Promise<Float32Array[]> {
  const batch = { ids: input('ids', 'int64', ['rows', 'length']), mask: input('mask', 'int64', ['rows', 'length']) };
  const maps = softmax(attendedBy(side, batch, layer, false).scores, -1);
  const program = await runtime.compile({ maps }, { label: 'attention of a sentence' });
  try {
    const { maps: found } = await program.run(inputsOf([{ ids }], 0));
    const size = ids.length ** 2;
    return Array.from({ length: side.config.num_attention_heads }, (_, head) =>
      Float32Array.from(found!.data as Float32Array).subarray(head * size, (head + 1) * size),
    );
  } finally {
    program.release();
  }
}
