/** `papers train` with small models: what it says, what it saves, and how it goes on. */
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openModel } from '@working-papers/models/node';
import {
  circleRows,
  nameRows,
  pairRows,
  saveSmall,
  smallBert,
  smallLlama,
  topicRows,
} from '@working-papers/training/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { papers, papersProcess, papersWatched } from './testing/command.ts';

let folder: string;
const at = (name: string) => join(folder, name);
const lines = (rows: readonly object[]) => rows.map((row) => JSON.stringify(row)).join('\n');

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'papers-train-'));
  await saveSmall(smallBert(), at('bert'));
  await saveSmall(smallLlama(), at('llama'));
  await writeFile(at('topics.jsonl'), lines(topicRows(96)));
  await writeFile(at('unseen.jsonl'), lines(topicRows(48, 2)));
  const separated = topicRows(96).map(({ text, label }) => `${text},${label}`);
  await writeFile(at('topics.csv'), ['sentence,topic', ...separated].join('\n'));
  await writeFile(at('names.jsonl'), lines(nameRows(48)));
  await writeFile(at('pairs.jsonl'), lines(pairRows(48)));
  await writeFile(
    at('circles.txt'),
    circleRows(48, { words: 40 })
      .map(({ text }) => text)
      .join('\n\n'),
  );
});
afterAll(() => rm(folder, { recursive: true }));

/** The command with `@name` for a place of the test's folder. */
const words = (line: string) =>
  line
    .split(' ')
    .filter((word) => word !== '')
    .map((word) => word.replace(/^@/, `${folder}/`));
const train = (line: string) => papers('train', ...words(line));
const events = (out: string) =>
  out
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { type: string } & Record<string, never>);

it('classification: a model that tells the texts apart, its log and its plot', async () => {
  const { code, out, err } = await train(
    'classification --model @bert --data @topics.csv --text sentence --label topic --eval-share 0.2 --epochs 8 --rate 2e-3 --out @topics',
  );
  expect(code, err).toBe(0);
  expect(err).toMatch(
    /^classification on \d+ rows: \d+ steps \(8 times through them\), [\d,]+ weights trained, rate up to 0\.002\.\nLabels: blue, green, red\.$/m,
  );
  expect(err.match(/^Step \d+: loss .*, accuracy /gm)).toHaveLength(8);
  const [, accuracy] =
    /^The model of \d+ steps is saved at .*topics\. loss [\d.]+, accuracy ([\d.]+) on the rows that were kept for it\.$/m.exec(
      out,
    )!;
  expect(Number(accuracy)).toBeGreaterThan(0.8);
  expect((await readdir(at('topics'))).sort()).toEqual([
    'checkpoints',
    'config.json',
    'loss.svg',
    'loss.vl.json',
    'model.safetensors',
    'tokenizer.json',
    'tokenizer_config.json',
    'training.json',
    'training.jsonl',
  ]);
  expect(await readFile(at('topics/loss.svg'), 'utf8')).toMatch(/^<svg/);
  const answered = await papers('classify', '--model', at('topics'), '--text', 'w1 w2 w3 w4', '--top', '1', '--json');
  expect(JSON.parse(answered.out).texts[0].labels[0].label).toBe('red');
});

describe('with --json', () => {
  it.each([
    ['masked --model @bert --data @circles.txt', 'masked', ['loss', 'perplexity', 'accuracy']],
    ['token --model @bert --data @names.jsonl --trains layer\\.1', 'token', ['loss', 'accuracy']],
    [
      'contrastive --model @bert --data @pairs.jsonl --batch 8 --negative negative',
      'contrastive',
      ['loss', 'accuracy'],
    ],
    ['causal --model @llama --data @circles.txt --length 32 --lora 2', 'causal', ['loss', 'perplexity']],
    ['causal --scratch @llama --data @circles.txt --length 32 --dtype fp16', 'causal', ['loss', 'perplexity']],
    [
      'distillation --model @bert --teacher @topics --data @unseen.jsonl --no-label',
      'distillation',
      ['loss', 'divergence', 'agreement'],
    ],
  ])('%s', async (line, task, values) => {
    const out = at(`json-${line.replace(/\W+/g, '-')}`);
    const {
      code,
      out: said,
      err,
    } = await train(`${line} --eval-share 0.25 --steps 4 --eval-every 2 --seed 3 --json --out ${out}`);
    expect(code, err).toBe(0);
    const all = events(said);
    expect(all.map(({ type }) => type)).toEqual(
      [
        'start',
        'step',
        'step',
        'evaluation',
        'checkpoint',
        'step',
        'step',
        'evaluation',
        'checkpoint',
        'checkpoint',
        'end',
        'saved',
      ].filter(
        // A best evaluation is kept; the second need not be one.
        (type, index) => type !== 'checkpoint' || index !== 8 || all.length === 12,
      ),
    );
    expect(all[0]).toMatchObject({ task, from: 0, settings: { steps: 4, seed: 3 } });
    expect(Object.keys(all[1]!)).toEqual([
      'type',
      'step',
      'loss',
      'gradientNorm',
      'metrics',
      'tokensPerSecond',
      'rate',
      'secondsLeft',
    ]);
    expect(Object.keys(all.at(-1)!.evaluation!)).toEqual(values);
    const model = await openModel(out);
    expect(model.kind).toBe(task === 'causal' ? 'decoder' : 'encoder');
    model.close();
  });
});

describe('Ctrl-C', () => {
  it('keeps the state and says how to go on; what comes of it is what would have come', async () => {
    const line =
      'classification --model @bert --data @topics.jsonl --eval @unseen.jsonl --batch 8 --epochs 2 --eval-every 5 --rate 1e-3 --out';
    expect((await train(`${line} @whole`)).code).toBe(0);
    const stop = new AbortController();
    const { code, err } = await papersWatched(['train', ...words(`${line} @ended`)], {
      signal: stop.signal,
      onProgress: ({ message }) => message.startsWith('step 7 ') && stop.abort(new Error('Cancelled.')),
    });
    expect(code).toBe(1);
    expect(err).toContain(`Ended at step 7 of 24; its state is kept. Go on with: papers train --resume ${at('ended')}`);
    const again = await train('--resume @ended');
    expect(again.code, again.err).toBe(0);
    expect(again.err).toContain('Going on from step 7.');
    const weights = (name: string) => readFile(at(`${name}/model.safetensors`));
    expect((await weights('ended')).equals(await weights('whole'))).toBe(true);

    const elsewhere = await papersProcess(['train', ...words('--resume @ended --threads 1')]);
    expect(elsewhere.code, elsewhere.err).toBe(0);
    expect((await weights('ended')).equals(await weights('whole'))).toBe(true);
    expect((await train('--resume @ended --epochs 3')).err).toMatch(/goes on as it was begun: leave out "epochs"/);
    await writeFile(at('unseen.jsonl'), lines(topicRows(48, 4)));
    expect((await train('--resume @ended')).err).toMatch(
      /The data are not what the training began with: .*unseen\.jsonl is another file/,
    );
  });
});

describe('wrong arguments', () => {
  const cases: [line: string, code: 1 | 2, sentence: RegExp][] = [
    ['', 2, /^A task is missing: one of causal, masked, .* See "papers train --help"\.$/m],
    ['guess', 2, /"guess" is invalid for argument "task"\. Allowed choices are causal/],
    [
      'masked --model @llama --data @circles.txt --out @x',
      2,
      /is of the type 'llama'; what finds masked tokens here is an encoder/,
    ],
    ['causal --model @bert --data @circles.txt --out @x', 2, /which does not continue texts\. Take a decoder/],
    [
      'classification --model @bert --data @gone.csv --out @x',
      2,
      /There is no file or folder ".*gone\.csv"\. Give a path that exists\./,
    ],
    [
      'classification --model @bert --data @topics.csv --out @x',
      2,
      /topics\.csv, line 2: the field "label" is missing; there are "sentence", "topic"\./,
    ],
    [
      'classification --model @bert --data @topics.jsonl --labels red blue --out @x',
      2,
      /the label "green" is none of red, blue/,
    ],
    [
      'contrastive --model @bert --data @pairs.jsonl --eval-share 0.1 --out @x',
      2,
      /^The rows to evaluate on make no whole batch\. Give more of them, or smaller batches\.$/m,
    ],
    [
      'classification --model @bert --data @topics.jsonl --batch 100 --out @x',
      2,
      /There are 96 rows to learn from, and a batch has 100\. Give more rows, or batches of at most 96\./,
    ],
    [
      'classification --model @bert --data @topics.jsonl --length 65 --out @x',
      2,
      /Sequences of 65 tokens are longer than the 64 positions/,
    ],
    [
      'classification --model @bert --data @topics.jsonl --patience 2 --out @x',
      2,
      /Give some \(--eval FILE\), or a share that is kept for it \(--eval-share 0\.1\)/,
    ],
    [
      'classification --model @bert --data @topics.jsonl --temperature 2 --out @x',
      2,
      /^--temperature is of contrastive and distillation, not of classification\./,
    ],
    ['classification --model @bert --data @topics.jsonl', 2, /^--out is missing: the folder for the model\./],
    ['classification --data @topics.jsonl --out @x', 2, /^--model is missing: a model to train, or --scratch FOLDER/],
    [
      'classification --model @bert --data @topics.jsonl --eval @a --eval-share 0.1 --out @x',
      2,
      /^--eval and --eval-share were given; they exclude each other/,
    ],
    [
      'classification --model @bert --data @topics.jsonl --lora-alpha 3 --out @x',
      2,
      /^--lora-alpha is of an adapter\. Give its rank too/,
    ],
    ['classification --model @bert --data @topics.jsonl --trains ( --out @x', 2, /--trains is no regular expression/],
    ['classification --model @bert --data @topics.jsonl --warm-up 9 --steps 9 --out @x', 2, /fewer than all 9; got 9/],
    [
      'classification --model @bert --data @topics.jsonl --out @bert',
      2,
      /bert is there already and not empty\. Give another place\./,
    ],
    ['contrastive --model @bert --data @topics.jsonl --out @x', 2, /line \d+: the field "anchor" is missing/],
    [
      'distillation --model @bert --data @topics.jsonl --out @x',
      2,
      /Distillation needs a teacher.*\(--teacher REFERENCE\)/,
    ],
    [
      'distillation --model @bert --teacher @llama --of classification --data @topics.jsonl --out @x',
      2,
      /^The teacher .*llama tells nothing apart, and the student is to tell blue, green, red/,
    ],
    [
      'classification --model @bert --data @topics.jsonl --rate 1e9 --clip 1e9 --steps 9 --out @diverged',
      1,
      /is no number at step \d: the training has diverged\. Train with a lower rate \(it was 1000000000\)/,
    ],
    ['--resume @bert', 2, /There is no training in .*bert to go on with/],
    ['classification --resume @topics', 2, /goes on as it was begun: leave out "classification"/],
  ];
  it.each(cases)('papers train %s', async (line, code, sentence) => {
    const outcome = await train(line);
    expect(outcome.err).toMatch(sentence);
    expect(outcome.code).toBe(code);
    expect(outcome.out).toBe('');
    if (!line.includes('@diverged')) expect(await readdir(folder)).not.toContain('x');
  });
});
