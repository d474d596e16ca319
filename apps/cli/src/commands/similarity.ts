import type { Command } from 'commander';
import { addCommand, jsonOption, modelReference, wholeNumber } from '../arguments.ts';
import { checkImageFlags, type ImageFlags, imageNames, imagesOf } from '../images.ts';
import { withDualEncoder } from '../open-model.ts';
import { tableLines } from '../table.ts';
import type { Terminal } from '../terminal.ts';

interface Options extends ImageFlags {
  model: string;
  text: string[];
  threads?: number;
  json?: boolean;
}

export function addSimilarity(program: Command, terminal: Terminal): void {
  addCommand(program, 'similarity', 'How well texts and images fit, by a model that reads and looks (CLIP).', [
    'papers similarity --model ./clip --image cat.jpg --text "a photo of a cat" "a photo of a dog"',
    'papers similarity --model ./clip --image *.jpg --text "a cat on a mat" --json',
  ])
    .requiredOption('--model <reference>', 'hf:owner/name, a folder or a file', modelReference)
    .requiredOption('--text <text...>', 'texts')
    .option('--image <file...>', 'images: PNG, JPEG, WebP, GIF or TIFF')
    .option('--pixels <file>', 'prepared pixels [images, channels, height, width] in a .npy file')
    .option('--threads <n>', 'threads (default: all cores)', wholeNumber(1, 1024))
    .addOption(jsonOption())
    .action(async (options: Options) => {
      checkImageFlags(options, 'papers similarity');
      const images = await imagesOf(options);
      await withDualEncoder(terminal, options.model, { threads: options.threads }, async (model) => {
        for (const [index, { truncated }] of model.tokenize(options.text).entries()) {
          if (truncated) terminal.note(`Text ${index + 1} is longer than ${model.contextLength} tokens and was cut.`);
        }
        const { logits, probabilities, shape } = await model.similarity(options.text, images, {
          signal: terminal.signal,
          onProgress: ({ done, total }) => terminal.progress({ done, total, message: 'Looking' }),
        });
        terminal.endProgress();
        const named = imageNames(options, shape[0]).map((image, row) => ({
          image,
          texts: options.text.map((text, column) => ({
            text,
            logit: logits[row * shape[1] + column]!,
            probability: probabilities[row * shape[1] + column]!,
          })),
        }));
        if (options.json) {
          terminal.json({ images: named, model: model.reference });
          return;
        }
        const rows = named.flatMap(({ image, texts }) =>
          texts.map(({ text, logit, probability }) => [image, text, logit.toFixed(3), probability.toFixed(4)]),
        );
        const columns = [
          { name: 'image' },
          { name: 'text' },
          { name: 'logit', right: true },
          { name: 'probability', right: true },
        ];
        for (const line of tableLines(columns, rows, terminal.width)) terminal.print(line);
      });
    });
}
