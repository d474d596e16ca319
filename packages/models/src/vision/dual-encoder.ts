import { input } from '@working-papers/graph';
import type { Program } from '@working-papers/runtime';
import { looking } from '../activations/looking.ts';
import { clipLogits } from '../architectures/clip.ts';
import { dualEncoderOf } from '../architectures/index.ts';
import { equalLengthBatches } from '../embedding/batches.ts';
import { scaleToOne } from '../embedding/encoder.ts';
import { rectangle } from '../generation/dense.ts';
import { softmax } from '../heads/labels.ts';
import { preprocess } from '../images/preprocess.ts';
import type { ModelFacts } from '../model-facts.ts';
import type { DualEncoderModel } from '../types.ts';
import { ImagePrograms, rowsOf, type SeeingOptions } from './images.ts';

/** Tokens of a run at most; bounds its memory whatever the batch. */
const runTokens = 4096;

/** Puts a model of texts and images together; what looks at images is compiled when it is first asked for. */
export async function createDualEncoder(facts: ModelFacts, options: SeeingOptions): Promise<DualEncoderModel> {
  const { runtime, config: modelConfig, graphWeights: weights, tokenizer } = facts;
  const { preprocessing, threads, signal } = options;
  const architecture = dualEncoderOf(modelConfig);
  const reading = architecture.textConfig(modelConfig)!;
  const seeing = architecture.visionConfig(modelConfig);
  const compiling = { threads, label: `${facts.reference} embeddings` };

  const ids = input('ids', 'int64', ['rows', 'sequence']);
  const read = architecture.forward(modelConfig, weights, { ids }, {});
  const texts = await runtime.compile(
    { embedding: read.textEmbeds ?? read.pooled! },
    { ...compiling, ...(signal ? { signal } : {}) },
  );
  const dimensions = texts.outputs[0]!.shape[1] as number;
  const pictures =
    seeing &&
    new ImagePrograms(
      runtime,
      seeing,
      (pixels) => architecture.forward(modelConfig, weights, { pixels }, {}),
      compiling,
    );
  let comparison: Promise<Program> | undefined;
  const compare = (): Promise<Program> => {
    const [textEmbeds, imageEmbeds] = [
      input('texts', 'float32', ['rows', dimensions]),
      input('images', 'float32', ['images', dimensions]),
    ];
    comparison ??= runtime.compile({ logits: clipLogits(weights, textEmbeds, imageEmbeds) }, compiling);
    comparison.catch(() => {
      comparison = undefined;
    });
    return comparison;
  };
  const look = looking(facts, { threads });

  const tokenize: DualEncoderModel['tokenize'] = (given) =>
    given.map((text) => tokenizer.encode(text, { maxLength: reading.contextLength }));

  const embedIds: DualEncoderModel['embedIds'] = async (given, { batchSize = 32, signal, onProgress } = {}) => {
    if (!Number.isInteger(batchSize) || batchSize < 1)
      throw new Error(`batchSize must be at least 1; got ${batchSize}.`);
    for (const [index, text] of given.entries()) {
      if (text.length === 0 || text.length > reading.contextLength)
        throw new Error(`Text ${index} has ${text.length} tokens; the model takes 1 to ${reading.contextLength}.`);
      if (reading.endOfText !== undefined && !text.includes(reading.endOfText))
        throw new Error(
          `Text ${index} has no end-of-text token (${reading.endOfText}), at which the model reads what a text means.`,
        );
    }
    const embeddings = new Array<Float32Array>(given.length);
    let done = 0;
    for (const batch of equalLengthBatches(given, batchSize, runTokens)) {
      signal?.throwIfAborted();
      const cells = rectangle({ ids: batch.map((index) => given[index]!) }, reading.vocabulary, reading.contextLength);
      const answer = await texts.run(
        { ids: { dtype: 'int64', shape: [cells.rows, cells.sequence], data: cells.ids } },
        signal ? { signal } : {},
      );
      for (const [row, embedding] of rowsOf(answer.embedding!).entries())
        embeddings[batch[row]!] = scaleToOne(embedding);
      done += batch.length;
      onProgress?.({ done, total: given.length });
    }
    return embeddings;
  };

  const embedTexts: DualEncoderModel['embedTexts'] = async (given, options) =>
    embedIds(
      tokenize(given).map(({ ids }) => ids),
      options,
    );

  const embedImages: DualEncoderModel['embedImages'] = async (images, options = {}) => {
    if (!pictures) throw new Error(`${facts.reference} holds the tower that reads texts alone; it looks at no images.`);
    const embeddings: Float32Array[] = [];
    await pictures.run(['imageEmbeds'], images, preprocessing, options, ({ imageEmbeds }) => {
      for (const row of rowsOf(imageEmbeds!)) embeddings.push(row);
    });
    return embeddings;
  };

  return {
    ...facts,
    kind: 'dual-encoder',
    taps: look.taps,
    activations: look.activations,
    contextLength: reading.contextLength,
    dimensions,
    image: { channels: seeing?.channels ?? 0, height: seeing?.image[0] ?? 0, width: seeing?.image[1] ?? 0 },
    preparePixels: (images) => preprocess(images, preprocessing),
    tokenize,
    embedTexts,
    embedIds,
    embedImages,
    async similarity(given, images, options = {}) {
      if (given.length === 0) throw new Error('There is no text to compare images with; give at least one.');
      const seen = await embedImages(images, options);
      const read = await embedTexts(given, options.signal ? { signal: options.signal } : {});
      const answer = await (await compare()).run(
        { texts: stacked(read, dimensions), images: stacked(seen, dimensions) },
        options.signal ? { signal: options.signal } : {},
      );
      const logits = (answer.logits!.data as Float32Array).slice();
      const probabilities = new Float32Array(logits.length);
      for (let row = 0; row < seen.length; row++) {
        const [start, end] = [row * read.length, (row + 1) * read.length];
        probabilities.set(softmax(logits.subarray(start, end)), start);
      }
      return { logits, probabilities, shape: [seen.length, read.length] };
    },
    close() {
      texts.release();
      pictures?.release();
      comparison?.then((program) => program.release()).catch(() => {});
      look.release();
      facts.close();
    },
  };
}

/** Vectors below each other: float32 `[rows, width]`. */
function stacked(rows: readonly Float32Array[], width: number) {
  const data = new Float32Array(rows.length * width);
  for (const [index, row] of rows.entries()) data.set(row, index * width);
  return { dtype: 'float32', shape: [rows.length, width], data } as const;
}
