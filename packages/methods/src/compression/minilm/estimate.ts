/** What `papers run minilm` takes: nearly all of it is the student's steps and the teacher's passes before them. */
import type { Estimate, EstimateFacts, ModelSize } from '../../contract.ts';
import {
  flopsPerCore,
  flopsPerSecond,
  linesOf,
  openSeconds,
  startBytes,
  startSeconds,
  tokensOf,
  weightBytes,
} from '../../speed.ts';
import type { MinilmParameters } from './parameters.ts';

/** Bytes a second at which Adam goes through weights, and bytes that it reads and writes of each. */
const bandwidth = 12e9;
const adamBytes = 40;
/** Looks at held-out text, and sequences of each. */
const looks = { count: 13, sequences: 128 };
/** Seconds to compile a step, and numbers drawn a second for weights. */
const compileSeconds = 2;
const drawSeconds = 4e-8;
/** Seconds of heads, times, files and what else comes at the end, and bytes a second that files are written at. */
const endSeconds = 2;
const filePace = 200e6;

interface Shape {
  layers: number;
  hidden: number;
}

export function estimate(parameters: MinilmParameters, facts: EstimateFacts): Estimate {
  const teacher = facts.models.teacher!;
  const { layers, hidden, batch, seq, steps } = parameters;
  const student = { layers, hidden };
  const length = sequenceLength(parameters, facts);
  const between = assistantOf(parameters, teacher);
  const trained = between ? [between, student] : [student];
  const speed = flopsPerSecond(facts.machine);
  const tokens = batch * length;
  const heldOut = Math.min(looks.sequences, sequencesOf(parameters, facts) / 10);
  let seconds = startSeconds + openSeconds(teacher);
  let from: Shape = { layers: teacher.layers, hidden: teacher.hidden };
  for (const shape of trained) {
    const all = countOf(shape, teacher);
    const ahead = perToken(from, length) * shareBelowLast(from.layers);
    const learning = perToken(shape, length) * shareBelowLast(shape.layers);
    const step = (tokens * (ahead + 3 * learning)) / speed + (adamBytes * all) / bandwidth;
    const looking = (looks.count * heldOut * length * (ahead + learning)) / speed;
    seconds += compileSeconds + drawSeconds * all + steps * step + looking;
    from = shape;
  }
  const all = countOf(student, teacher);
  seconds += endSeconds + ((parameters.onnx ? 8 : 4) * all) / filePace;
  if (parameters.finetune !== undefined) {
    const { lines, scale } = linesOf(facts.inputs.finetune);
    const read = 0.8 * lines.length * scale * parameters.epochs;
    for (const shape of [{ layers: teacher.layers, hidden: teacher.hidden }, student, student]) {
      const adam = ((read / batch) * adamBytes * countOf(shape, teacher)) / bandwidth;
      seconds += compileSeconds + (3 * read * length * perToken(shape, length)) / speed + adam;
    }
  }
  const largest = Math.max(...trained.map((shape) => countOf(shape, teacher)));
  // Weights with moments and gradients, the beginning and the end in memory; what is saved of a batch's activations.
  const state = 32 * largest;
  const saved = Math.max(...trained.map((shape) => tokens * shape.layers * (80 * shape.hidden + 60 * length)));
  const tuned = parameters.finetune === undefined ? 0 : 32 * teacher.parameters;
  return {
    seconds,
    bytes: startBytes + weightBytes(teacher) + Math.max(state, tuned) + saved,
    basis: `the teacher's pass up to the imitated attention and three times as much of the student for each of ${(steps * batch).toLocaleString('en')} sequences of about ${Math.round(length)} tokens (at most ${seq}), at ${flopsPerCore / 1e9} GFLOP/s on each of ${facts.machine.cores} cores`,
  };
}

/** Operations of a token through all layers: products and attention. */
const perToken = ({ layers, hidden }: Shape, length: number): number =>
  2 * layers * (12 * hidden ** 2 + 2 * length * hidden);

/** Of the last layer only queries, keys, values and their products are computed. */
const shareBelowLast = (layers: number): number => (layers - 0.7) / layers;

const countOf = ({ layers, hidden }: Shape, teacher: ModelSize): number =>
  layers * 12 * hidden ** 2 + (teacher.vocabulary + 512) * hidden;

function assistantOf({ assistant, layers, hidden }: MinilmParameters, teacher: ModelSize): Shape | undefined {
  if (assistant === 'none') return undefined;
  const [, depth, width] = /^(\d+)x(\d+)$/.exec(assistant) ?? [];
  if (depth && width) return { layers: Number(depth), hidden: Number(width) };
  return layers <= teacher.layers / 2 && hidden <= teacher.hidden / 2 ? { layers: teacher.layers, hidden } : undefined;
}

/** Stretches of at most `seq` tokens that the corpus is cut into, about, and no more than are read. */
function sequencesOf({ seq, steps, batch }: MinilmParameters, facts: EstimateFacts): number {
  const { lines, scale } = linesOf(facts.inputs.corpus);
  const read = 2 * steps * batch + looks.sequences;
  if (lines.length === 0) return read;
  return Math.min(read, scale * lines.reduce((sum, line) => sum + piecesOf(line, seq), 0));
}

const piecesOf = (line: string, seq: number): number => Math.max(1, Math.ceil(tokensOf(line) / seq));

/** Tokens of a stretch, about, its special ones included. */
function sequenceLength({ seq }: MinilmParameters, facts: EstimateFacts): number {
  const { lines } = linesOf(facts.inputs.corpus);
  const pieces = lines.reduce((sum, line) => sum + piecesOf(line, seq), 0);
  const tokens = lines.reduce((sum, line) => sum + tokensOf(line) + 2, 0);
  return pieces === 0 ? seq : Math.min(seq, Math.max(8, tokens / pieces));
}
