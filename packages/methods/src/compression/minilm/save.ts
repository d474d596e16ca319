/** The student as files that others open: a Hugging Face folder, and ONNX. */
import { externalData } from '@working-papers/graph';
import { filesBeside, type Model, onnxProgram, weightFiles } from '@working-papers/models';
import type { RunContext } from '../../contract.ts';
import type { Student } from './student.ts';

const mediaTypes: Record<string, string> = { json: 'application/json', txt: 'text/plain' };

/**
 * Leaves the student as artifacts that together are a folder for transformers: config.json, model.safetensors, the teacher's tokenizer.
 * Answers the bytes of the weights. Throws a sentence where the teacher carries no tokenizer.
 */
export async function saveStudent(
  context: RunContext,
  { config, tensors }: Student,
  teacher: Pick<Model, 'tokenizerFiles' | 'reference'>,
): Promise<number> {
  const { tokenizerFiles: tokenizer } = teacher;
  if (!tokenizer)
    throw new Error(
      `${teacher.reference} carries no tokenizer, and a student needs its teacher's. Put tokenizer.json beside it.`,
    );
  const model = { config, tensors: [...tensors.values()], tokenizer };
  const { files, bytes, dtype } = weightFiles(model);
  for (const { name, pieces } of [...files, ...filesBeside(model, dtype)]) {
    const sink = context.write(name, mediaTypes[name.split('.').at(-1)!] ?? 'application/octet-stream');
    for await (const piece of pieces) await sink.write(piece);
    await sink.close();
  }
  return bytes;
}

/** Leaves the student as model.onnx with its weights in model.onnx.data, inputs and outputs under transformers' names. */
export async function saveStudentOnnx(context: RunContext, { config, tensors }: Student): Promise<void> {
  const program = onnxProgram({ config, tensors });
  const model = context.write('model.onnx', 'application/octet-stream');
  await model.write(program.model);
  await model.close();
  const data = context.write('model.onnx.data', 'application/octet-stream');
  for await (const piece of externalData(program)) await data.write(piece);
  await data.close();
}
