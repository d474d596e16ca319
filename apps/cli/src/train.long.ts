/** A training that is killed at random steps, again and again, and gone on with, ends in the bytes of one that never was killed. */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { circleRows, saveSmall, smallBert, smallLlama, topicRows } from '@working-papers/training/testing';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { bin } from './testing/command.ts';

/** Kills of a training. */
const kills = Number(process.env.TRAIN_KILLS ?? 6);

let folder: string;
const at = (name: string) => join(folder, name);
const lines = (rows: readonly object[]) => rows.map((row) => JSON.stringify(row)).join('\n');

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'papers-kill-'));
  await saveSmall(smallBert(), at('bert'));
  await saveSmall(smallLlama(), at('llama'));
  await writeFile(at('topics.jsonl'), lines(topicRows(240)));
  await writeFile(at('unseen.jsonl'), lines(topicRows(48, 2)));
  await writeFile(
    at('circles.txt'),
    circleRows(200, { words: 40 })
      .map(({ text }) => text)
      .join('\n\n'),
  );
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const start = (words: readonly string[]): ChildProcess =>
  spawn(process.execPath, [bin, 'train', ...words, '--json'], { stdio: ['ignore', 'pipe', 'ignore'] });

/** What a process ended with; whatever it says is read. */
const ended = (child: ChildProcess) =>
  new Promise<{ code: number | null; signal: string | null }>((resolve) => {
    child.once('close', (code, signal) => resolve({ code, signal }));
    child.stdout!.resume();
  });

/** Runs until so many steps were said, and some milliseconds more, and kills it there. Answers the step that was said last. */
async function killed(words: readonly string[], steps: number, milliseconds: number): Promise<number | undefined> {
  const child = start(words);
  const end = new Promise<string | null>((resolve) => child.once('exit', (_, signal) => resolve(signal)));
  let [said, step] = [0, 0];
  for await (const line of createInterface({ input: child.stdout! })) {
    const event = JSON.parse(line) as { type: string; step: number };
    if (event.type === 'saved') return undefined;
    if (event.type !== 'step') continue;
    step = event.step;
    said += 1;
    if (said === steps) setTimeout(() => child.kill('SIGKILL'), milliseconds);
  }
  return (await end) === 'SIGKILL' ? step : undefined;
}

const cases: [name: string, line: string][] = [
  [
    'classification with evaluations that decide what is saved',
    'classification --model @bert --data @topics.jsonl --eval @unseen.jsonl --batch 8 --epochs 8 --rate 1e-3 --eval-every 7 --checkpoint-every 5 --seed 3',
  ],
  [
    'running text with an adapter, more steps than an epoch has',
    'causal --model @llama --data @circles.txt --length 32 --batch 8 --steps 240 --lora 4 --checkpoint-every 3 --seed 4',
  ],
  [
    'masked tokens from scratch',
    'masked --scratch @bert --data @circles.txt --length 48 --batch 8 --epochs 8 --checkpoint-every 1 --seed 5',
  ],
];

it.each(cases)('%s', async (name, line) => {
  const words = line.split(' ').map((word) => word.replace(/^@/, `${folder}/`));
  const [whole, broken] = [at(`${name}-whole`), at(`${name}-killed`)];
  expect(await ended(start([...words, '--out', whole]))).toEqual({ code: 0, signal: null });
  const stops: (number | undefined)[] = [];
  for (let kill = 0; kill < kills; kill++) {
    const again = existsSync(join(broken, 'training.json')) ? ['--resume', broken] : [...words, '--out', broken];
    const stop = await killed(again, 1 + Math.floor(Math.random() * 40), Math.random() * 200);
    stops.push(stop);
    if (stop === undefined) break;
  }
  console.log(`${name}: killed at ${stops.filter((stop) => stop !== undefined).join(', ')}`);
  expect(stops.filter((stop) => stop !== undefined).length).toBeGreaterThan(1);
  expect(await ended(start(['--resume', broken]))).toEqual({ code: 0, signal: null });
  expect((await readdir(broken)).filter((file) => file.endsWith('.part'))).toEqual([]);
  for (const file of ['model.safetensors', 'config.json', 'checkpoints/last.safetensors']) {
    const [one, other] = [await readFile(join(broken, file)), await readFile(join(whole, file))];
    expect(one.equals(other), file).toBe(true);
  }
});
