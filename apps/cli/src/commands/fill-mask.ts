import type { EncoderModel } from '@working-papers/models';
import type { Command } from 'commander';
import { addCommand, jsonOption, modelReference, wholeNumber } from '../arguments.ts';
import { withEncoder } from '../open-model.ts';
import { tableLines } from '../table.ts';
import type { Terminal } from '../terminal.ts';
import { noteCut, textsOf } from '../texts.ts';

interface Options {
  model: string;
  text?: string[];
  file?: string;
  target?: string[];
  top: number;
  threads?: number;
  json?: boolean;
}

export function addFillMask(program: Command, terminal: Terminal): void {
  addCommand(program, 'fill-mask', 'What may stand at a mask in a text, by a masked language model.', [
    'papers fill-mask --model hf:google-bert/bert-base-uncased --text "Paris is the [MASK] of France."',
    'papers fill-mask --model wheel:antiberty --text "EVQLVESGGGL[MASK]QPGGSLRLSCAAS" --top 3',
    'papers fill-mask --model wheel:rxnmapper --text "CC(=O)[MASK].OCC>>CC(=O)OCC.O" --target O N S --json',
  ])
    .requiredOption('--model <reference>', 'hf:owner/name, wheel:NAME, a folder or a file', modelReference)
    .option('--text <text...>', "texts with the model's mask ([MASK], <mask>) where a token is wanted")
    .option('--file <file>', 'texts from a file, one a line; "-" for standard input')
    .option('--target <token...>', 'look at these tokens alone')
    .option('--top <k>', 'how many tokens a mask', wholeNumber(1, 1_000_000), 5)
    .option('--threads <n>', 'threads (default: all cores)', wholeNumber(1, 1024))
    .addOption(jsonOption())
    .action(async ({ text, file, target, top, threads, model: reference, json }: Options) => {
      const texts = await textsOf(text ?? [], file, { purpose: 'fill', give: '--text TEXT...' });
      const needed = 'a masked language model such as wheel:rxnmapper or wheel:antiberty';
      const fill = async (model: EncoderModel) => {
        noteCut(terminal, model, texts);
        const answers = await model.fillMask(texts, {
          topK: top,
          ...(target ? { targets: target } : {}),
          signal: terminal.signal,
          onProgress: ({ done, total }) => terminal.progress({ done, total, message: 'Filling' }),
        });
        terminal.endProgress();
        if (json) {
          const named = texts.map((text, index) => ({ text, masks: answers[index]! }));
          terminal.json({ texts: named, model: model.reference });
          return;
        }
        const rows = answers.flatMap((masks) =>
          masks.flatMap(({ place, fillings }) =>
            fillings.map(({ text, score, sequence }) => [String(place), text, score.toFixed(4), sequence]),
          ),
        );
        const columns = [
          { name: 'place', right: true },
          { name: 'token' },
          { name: 'score', right: true },
          { name: 'text' },
        ];
        for (const line of tableLines(columns, rows, terminal.width)) terminal.print(line);
      };
      await withEncoder(terminal, reference, { threads }, fill, needed);
    });
}
