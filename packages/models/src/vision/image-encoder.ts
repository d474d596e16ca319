import { looking } from '../activations/looking.ts';
import { imageEncoderOf } from '../architectures/index.ts';
import { scaleToOne } from '../embedding/encoder.ts';
import { checkCount, labelsOf, largest, softmax } from '../heads/labels.ts';
import { preprocess } from '../images/preprocess.ts';
import type { ModelFacts } from '../model-facts.ts';
import type { ImageEncoderModel, LabelProbability } from '../types.ts';
import { ImagePrograms, rowsOf, type SeeingOptions } from './images.ts';

/** Puts a model that looks at images together; its program is compiled for images of the model's own size. */
export async function createImageEncoder(facts: ModelFacts, options: SeeingOptions): Promise<ImageEncoderModel> {
  const { runtime, config: modelConfig, graphWeights: weights } = facts;
  const { preprocessing, threads, signal } = options;
  const architecture = imageEncoderOf(modelConfig);
  const config = architecture.visionConfig(modelConfig);
  const programs = new ImagePrograms(
    runtime,
    config,
    (pixels) => architecture.forward(modelConfig, weights, { pixels }, {}),
    { threads, label: `${facts.reference} images` },
  );
  const projected = weights.has('visual_projection.weight');
  const vector = projected ? 'imageEmbeds' : 'pooled';
  const classifies = weights.has('classifier.weight');
  const outputs = classifies ? [vector, 'logits'] : [vector];
  const first = await programs.compile(outputs, config.image, signal);
  const dimensions = first.outputs.find(({ name }) => name === vector)!.shape[1] as number;
  const labels = classifies
    ? labelsOf(modelConfig, first.outputs.find(({ name }) => name === 'logits')!.shape[1] as number)
    : undefined;
  const look = looking(facts, { threads });

  return {
    ...facts,
    kind: 'image-encoder',
    taps: look.taps,
    activations: look.activations,
    contextLength: config.contextLength,
    dimensions,
    ...(labels ? { labels } : {}),
    image: { channels: config.channels, height: config.image[0], width: config.image[1] },
    preparePixels: (images) => preprocess(images, preprocessing),
    async embedImages(images, { normalise = true, ...given } = {}) {
      const embeddings: Float32Array[] = [];
      await programs.run(outputs, images, preprocessing, given, (answer) => {
        for (const row of rowsOf(answer[vector]!)) embeddings.push(normalise ? scaleToOne(row) : row);
      });
      return embeddings;
    },
    async classify(images, { topK = 5, ...given } = {}) {
      if (!labels) throw new Error(`${facts.reference} has no classification head; it embeds images.`);
      checkCount('topK', topK);
      const answers: LabelProbability[][] = [];
      await programs.run(outputs, images, preprocessing, given, (answer) => {
        for (const logits of rowsOf(answer.logits!)) answers.push(likeliest(logits, labels, topK));
      });
      return answers;
    },
    async hidden(images, given = {}) {
      const parts: Float32Array[] = [];
      let shape: readonly number[] = [0, config.contextLength, config.hidden];
      await programs.run(['hidden'], images, preprocessing, given, ({ hidden }) => {
        shape = hidden!.shape;
        parts.push((hidden!.data as Float32Array).slice());
      });
      const [, tokens, width] = shape as [number, number, number];
      const hidden = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0));
      let at = 0;
      for (const part of parts) {
        hidden.set(part, at);
        at += part.length;
      }
      return { hidden, shape: [hidden.length / (tokens * width), tokens, width] };
    },
    close() {
      programs.release();
      look.release();
      facts.close();
    },
  };
}

function likeliest(logits: Float32Array, labels: readonly string[], topK: number): LabelProbability[] {
  const probabilities = softmax(logits);
  return largest(probabilities, topK).map((index) => ({
    index,
    label: labels[index]!,
    probability: probabilities[index]!,
  }));
}
