/** Small models in folders. */
import { readFileSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { safetensorsFile } from '@working-papers/models';

const models = new URL('../../../../packages/models/src/', import.meta.url);

/** A folder as save_pretrained writes it: configuration and names of a fixture, weights out of a sine. */
export async function saveModel(
  fixture: string,
  folder: string,
  config: object,
  others: Record<string, object>,
): Promise<void> {
  const stored = JSON.parse(readFileSync(new URL(`architectures/fixtures/${fixture}.json`, models), 'utf8')) as {
    config: object;
    tensors: { name: string; shape: number[]; spread: number; offset: number }[];
  };
  const parts = stored.tensors.map(({ name, shape, spread, offset }, tensor) => ({
    name,
    type: 'F32' as const,
    shape,
    bytes: async () => {
      const count = shape.reduce((product, size) => product * size, 1);
      const values = Float32Array.from({ length: count }, (_, i) => offset + spread * Math.sin(i * i + tensor));
      return new Uint8Array(values.buffer);
    },
  }));
  const chunks: Uint8Array[] = [];
  for await (const chunk of safetensorsFile(parts, {})) chunks.push(chunk);
  await mkdir(folder);
  await writeFile(join(folder, 'model.safetensors'), Buffer.concat(chunks));
  for (const [name, content] of Object.entries({ 'config.json': { ...stored.config, ...config }, ...others }))
    await writeFile(join(folder, name), JSON.stringify(content));
}

/** A word a token; 44 ends every text. */
export const wordTokenizer = {
  version: '1.0',
  added_tokens: [],
  pre_tokenizer: { type: 'WhitespaceSplit' },
  post_processor: {
    type: 'TemplateProcessing',
    single: [{ Sequence: { id: 'A', type_id: 0 } }, { SpecialToken: { id: '<end>', type_id: 0 } }],
    pair: [{ Sequence: { id: 'A', type_id: 0 } }, { Sequence: { id: 'B', type_id: 1 } }],
    special_tokens: { '<end>': { id: '<end>', ids: [44], tokens: ['<end>'] } },
  },
  model: { type: 'WordLevel', vocab: { '<unk>': 0, a: 3, cat: 5, dog: 6, '<end>': 44 }, unk_token: '<unk>' },
};
