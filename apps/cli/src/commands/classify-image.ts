import type { Command } from 'commander';
import { addCommand, jsonOption, modelReference, wholeNumber } from '../arguments.ts';
import { checkImageFlags, type ImageFlags, imageNames, imagesOf } from '../images.ts';
import { withImageEncoder } from '../open-model.ts';
import { tableLines } from '../table.ts';
import type { Terminal } from '../terminal.ts';

interface Options extends ImageFlags {
  model: string;
  top: number;
  threads?: number;
  json?: boolean;
}

export function addClassifyImage(program: Command, terminal: Terminal): void {
  addCommand(program, 'classify-image', 'Say what a classifier of images sees in them.', [
    'papers classify-image --model ./vit --image cat.jpg',
    'papers classify-image --model ./vit --image cat.jpg dog.png --top 3 --json',
    'papers classify-image --model ./vit --pixels prepared.npy',
  ])
    .requiredOption('--model <reference>', 'hf:owner/name, a folder or a file', modelReference)
    .option('--image <file...>', 'images: PNG, JPEG, WebP, GIF or TIFF')
    .option('--pixels <file>', 'prepared pixels [images, channels, height, width] in a .npy file')
    .option('--top <k>', 'how many labels', wholeNumber(1, 1_000_000), 5)
    .option('--threads <n>', 'threads (default: all cores)', wholeNumber(1, 1024))
    .addOption(jsonOption())
    .action(async (options: Options) => {
      checkImageFlags(options, 'papers classify-image');
      const images = await imagesOf(options);
      await withImageEncoder(terminal, options.model, { threads: options.threads }, async (model) => {
        const answers = await model.classify(images, {
          topK: options.top,
          signal: terminal.signal,
          onProgress: ({ done, total }) => terminal.progress({ done, total, message: 'Looking' }),
        });
        terminal.endProgress();
        const named = imageNames(options, answers.length).map((image, index) => ({ image, labels: answers[index]! }));
        if (options.json) {
          terminal.json({ images: named, model: model.reference });
          return;
        }
        const rows = named.flatMap(({ image, labels }) =>
          labels.map(({ label, probability }) => [image, label, probability.toFixed(4)]),
        );
        const columns = [{ name: 'image' }, { name: 'label' }, { name: 'probability', right: true }];
        for (const line of tableLines(columns, rows, terminal.width)) terminal.print(line);
      });
    });
}
