import { type GGUFTypedMetadata, GGUFValueType, serializeGgufMetadata } from '@huggingface/gguf';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FormatError } from './format-error.ts';
import { HeaderGoesOn, parseGgufHeader } from './gguf.ts';
import { configOfGguf } from './gguf-config.ts';
import { ggufLayouts } from './gguf-layouts.ts';
import { ggufName, huggingFaceName } from './gguf-names.ts';
import { tokenizerOfGguf } from './gguf-tokenizer.ts';

type Entry = { name: string; shape: (number | bigint)[]; type: number; offset: number | bigint };

/** A GGUF file: the metadata written by @huggingface/gguf, the table of tensors by hand, then zeros. */
function ggufFile(
  metadata: Record<string, { value: unknown; type: GGUFValueType; subType?: GGUFValueType }>,
  entries: Entry[],
  dataBytes: number,
  tensorCount = entries.length,
): Uint8Array {
  const u64 = { type: GGUFValueType.UINT64 };
  const typed = {
    version: { value: 3, type: GGUFValueType.UINT32 },
    tensor_count: { value: BigInt(tensorCount), ...u64 },
    kv_count: { value: BigInt(Object.keys(metadata).length), ...u64 },
    ...metadata,
  } as unknown as GGUFTypedMetadata;
  const head = Buffer.from(serializeGgufMetadata(typed, { alignment: 1 }));
  const table = entries.map(({ name, shape, type, offset }) => {
    const text = Buffer.from(name);
    const bytes = Buffer.alloc(8 + text.length + 4 + 8 * shape.length + 12);
    let at = bytes.writeBigUInt64LE(BigInt(text.length), 0);
    at += text.copy(bytes, at);
    at = bytes.writeUInt32LE(shape.length, at);
    for (const dimension of shape) at = bytes.writeBigUInt64LE(BigInt(dimension), at);
    at = bytes.writeUInt32LE(type, at);
    bytes.writeBigUInt64LE(BigInt(offset), at);
    return bytes;
  });
  const header = Buffer.concat([head, ...table]);
  return new Uint8Array(
    Buffer.concat([header, Buffer.alloc(Math.ceil(header.length / 32) * 32 - header.length + dataBytes)]),
  );
}

const text = (value: string) => ({ value, type: GGUFValueType.STRING });
const whole = (value: number) => ({ value, type: GGUFValueType.UINT32 });
const real = (value: number) => ({ value, type: GGUFValueType.FLOAT32 });
const texts = (value: string[]) => ({ value, type: GGUFValueType.ARRAY, subType: GGUFValueType.STRING });
const parse = (bytes: Uint8Array) => parseGgufHeader(bytes, bytes.byteLength);
/** Raw bytes after the magic number and version 3. */
const raw = (...numbers: bigint[]) =>
  new Uint8Array(Buffer.concat([Buffer.from('GGUF\x03\0\0\0'), Buffer.from(BigUint64Array.from(numbers).buffer)]));

const llama = {
  'general.architecture': text('llama'),
  'llama.block_count': whole(1),
  'llama.context_length': whole(64),
  'llama.embedding_length': whole(32),
  'llama.feed_forward_length': whole(64),
  'llama.attention.head_count': whole(2),
  'llama.attention.layer_norm_rms_epsilon': real(1e-5),
  'tokenizer.ggml.model': text('gpt2'),
  'tokenizer.ggml.pre': text('smollm'),
  'tokenizer.ggml.tokens': texts(['<s>', 'a', 'b', 'ab', '__proto__']),
  'tokenizer.ggml.token_type': { value: [3, 1, 1, 1, 1], type: GGUFValueType.ARRAY, subType: GGUFValueType.INT32 },
  'tokenizer.ggml.merges': texts(['a b']),
  'tokenizer.ggml.bos_token_id': whole(0),
};

describe('GGUF header', () => {
  it('reads metadata and tensors, outermost dimension first', () => {
    const header = parse(
      ggufFile(
        llama,
        [
          { name: 'token_embd.weight', shape: [32, 5], type: 8, offset: 0 },
          { name: 'blk.0.attn_norm.weight', shape: [32], type: 0, offset: 192 },
        ],
        320,
      ),
    );
    expect(header.metadata.get('llama.attention.head_count')).toBe(2);
    expect(header.metadata.get('tokenizer.ggml.tokens')).toEqual(['<s>', 'a', 'b', 'ab', '__proto__']);
    expect(
      header.tensors.map(({ name, shape, type, count, start }) => [name, shape, type, count, start - header.dataStart]),
    ).toEqual([
      ['token_embd.weight', [5, 32], 'Q8_0', 160, 0],
      ['blk.0.attn_norm.weight', [32], 'F32', 32, 192],
    ]);
  });

  it('asks for more while the header goes on, and never when the file has ended', () => {
    const bytes = ggufFile(llama, [], 0);
    for (let length = 0; length < bytes.byteLength - 32; length += 7) {
      expect(() => parseGgufHeader(bytes.subarray(0, length), bytes.byteLength)).toThrow(HeaderGoesOn);
      expect(() => parseGgufHeader(bytes.subarray(0, length), length)).toThrow(
        /cut short or lies|has room for at most/,
      );
    }
  });

  const one = (entry: Partial<Entry>, dataBytes = 128) =>
    ggufFile({}, [{ name: 't', shape: [32], type: 0, offset: 0, ...entry }], dataBytes);
  const refused: [string, Uint8Array, RegExp][] = [
    ['another file', new TextEncoder().encode('PK\u0003\u0004 and so on'), /does not begin with GGUF/],
    ['an empty file', new Uint8Array(0), /the file ends at 0/],
    ['a version from the future', new Uint8Array(Buffer.from('GGUF\x09\0\0\0')), /version 9/],
    ['a big-endian file', new Uint8Array(Buffer.from('GGUF\0\0\0\x03')), /big-endian/],
    [
      'more tensors than the file has room for',
      raw(10_000_000n, 0n),
      /declares 10000000 tensors, but the rest of the file has room for at most 0/,
    ],
    [
      'more metadata than the file has room for',
      raw(0n, 2n ** 64n - 1n),
      /declares 18446744073709551615 metadata entries/,
    ],
    ['a key longer than the file', raw(0n, 1n, 2n ** 40n, 0n, 0n), /bytes of a metadata key/],
    [
      'an array longer than the file',
      new Uint8Array(
        Buffer.concat([
          raw(0n, 1n),
          Buffer.from('\x01\0\0\0\0\0\0\0k\x09\0\0\0\0\0\0\0', 'latin1'),
          Buffer.from(BigUint64Array.of(2n ** 30n).buffer),
        ]),
      ),
      /elements of "k"/,
    ],
    [
      'an unknown value type',
      new Uint8Array(Buffer.concat([raw(0n, 1n), Buffer.from('\x01\0\0\0\0\0\0\0k\x63\0\0\0', 'latin1')])),
      /unknown type 99/,
    ],
    [
      'arrays in arrays without end',
      new Uint8Array(
        Buffer.concat([
          raw(0n, 1n),
          Buffer.from('\x01\0\0\0\0\0\0\0k\x09\0\0\0', 'latin1'),
          Buffer.from('\x09\0\0\0\x01\0\0\0\0\0\0\0'.repeat(9), 'latin1'),
        ]),
      ),
      /4 deep/,
    ],
    ['a tensor beyond the file', one({ shape: [64] }), /its 256 bytes begin at 0, but the file holds 128/],
    ['an offset beyond any file', one({ offset: 2n ** 64n - 32n }), /begin at 18446744073709551584/],
    ['an offset off the alignment', one({ shape: [8], offset: 4 }), /no multiple of the alignment 32/],
    ['an absurd dimension', one({ shape: [2n ** 63n] }), /whole numbers|more than 2\^50/],
    ['a product that overflows', one({ shape: [2 ** 31, 2 ** 31, 2 ** 31, 2 ** 31] }), /more than 2\^50/],
    ['too many dimensions', one({ shape: [1, 1, 1, 1, 1] }), /5 dimensions/],
    ['rows that are no whole blocks', one({ shape: [16, 2], type: 2 }), /rows of 16 elements/],
    [
      'rows that are no whole larger blocks',
      one({ shape: [128, 2], type: 12 }),
      /rows of 128 elements, but Q4_K keeps 256/,
    ],
    ['a type that is not read', one({ type: 16 }), /IQ2_XXS \(16\); read here are/],
    ['an unknown type', one({ type: 4711 }), /number 4711/],
    [
      'overlapping tensors',
      ggufFile(
        {},
        [
          { name: 'a', shape: [16], type: 0, offset: 0 },
          { name: 'b', shape: [8], type: 0, offset: 32 },
        ],
        64,
      ),
      /"b" overlap those of "a"/,
    ],
    [
      'a tensor named twice',
      ggufFile(
        {},
        [
          { name: 'a', shape: [8], type: 0, offset: 0 },
          { name: 'a', shape: [8], type: 0, offset: 32 },
        ],
        64,
      ),
      /names tensor "a" twice/,
    ],
    ['an alignment of zero', ggufFile({ 'general.alignment': whole(0) }, [], 0), /alignment is 0/],
  ];
  for (const [what, bytes, message] of refused) {
    it(`refuses ${what}`, () => {
      expect(() => parse(bytes)).toThrow(FormatError);
      expect(() => parse(bytes)).toThrow(message);
    });
  }

  it('takes no memory for what a small file only declares', () => {
    const before = process.memoryUsage().rss;
    for (const count of [1_000_000n, 10_000_000n, 2n ** 40n]) {
      expect(() => parse(raw(count, 0n, 0n, 0n, 0n, 0n))).toThrow(FormatError);
      expect(() => parse(raw(0n, count, 0n, 0n, 0n, 0n))).toThrow(FormatError);
    }
    expect(process.memoryUsage().rss - before).toBeLessThan(64 * 2 ** 20);
  });

  it('reads or refuses a header with any bytes changed, and never gives bytes outside the file', () => {
    const bytes = ggufFile(
      llama,
      [
        { name: 'token_embd.weight', shape: [32, 5], type: 8, offset: 0 },
        { name: 'output.weight', shape: [32, 5], type: 3, offset: 192 },
      ],
      320,
    );
    const change = fc.record({ at: fc.nat({ max: bytes.byteLength - 321 }), to: fc.nat({ max: 255 }) });
    fc.assert(
      fc.property(fc.array(change, { minLength: 1, maxLength: 3 }), fc.nat({ max: 400 }), (changes, cut) => {
        const changed = bytes.slice(0, bytes.byteLength - Math.max(0, cut - 200));
        for (const { at, to } of changes) changed[at] = to;
        try {
          const header = parse(changed);
          for (const { start, end } of header.tensors) {
            expect(start).toBeGreaterThanOrEqual(header.dataStart);
            expect(end).toBeLessThanOrEqual(changed.byteLength);
          }
          configOfGguf(header);
          tokenizerOfGguf(header);
        } catch (error) {
          if (!(error instanceof FormatError)) throw error;
        }
      }),
      { numRuns: 3000 },
    );
  });
});

describe('configuration and tokenizer from metadata', () => {
  const header = () => parse(ggufFile(llama, [{ name: 'token_embd.weight', shape: [32, 5], type: 0, offset: 0 }], 640));

  it('gives the fields of config.json', () => {
    expect(configOfGguf(header())).toMatchObject({
      model_type: 'llama',
      vocab_size: 5,
      num_key_value_heads: 2,
      head_dim: 16,
      rms_norm_eps: 1e-5,
      rope_theta: 10000,
      tie_word_embeddings: true,
      bos_token_id: 0,
      eos_token_id: null,
    });
  });

  it('refuses sizes that cannot be believed', () => {
    const huge = parse(ggufFile({ ...llama, 'llama.block_count': whole(4_000_000_000) }, [], 0));
    expect(() => configOfGguf(huge)).toThrow(
      /num_hidden_layers in the GGUF metadata is "4000000000"; it must be a whole number from 1 to 4096/,
    );
    expect(() => configOfGguf(parse(ggufFile({ 'general.architecture': text('mamba') }, [], 0)))).toThrow(
      /architecture "mamba"; read here are llama/,
    );
  });

  const scaled = (entries: Record<string, ReturnType<typeof text | typeof whole | typeof real>>, divisors?: number[]) =>
    configOfGguf(parse(ggufFile({ ...llama, ...entries }, [], 0)), divisors).rope_scaling;

  it.each([
    [{ type: text('none'), factor: real(4) }, null],
    [{ factor: real(4) }, { rope_type: 'linear', factor: 4 }],
    [{ type: text('linear') }, null],
    [
      { type: text('yarn'), factor: real(4), original_context_length: whole(64), yarn_beta_fast: real(16) },
      { rope_type: 'yarn', factor: 4, original_max_position_embeddings: 64, beta_fast: 16 },
    ],
    // llama.cpp multiplies with what YaRN's authors recommend: 0.1 ln 4 + 1.
    [
      { type: text('yarn'), factor: real(4), original_context_length: whole(64), attn_factor: real(0.5) },
      { attention_factor: 0.5693147, original_max_position_embeddings: 64 },
    ],
    [{ type: text('yarn'), factor: real(4), yarn_attn_factor: real(0.75) }, { attention_factor: 0.75 }],
  ])('reads rope.scaling %j', (entries, expected) => {
    const named = Object.fromEntries(
      Object.entries(entries).map(([key, value]) => [`llama.rope.scaling.${key}`, value]),
    );
    const found = scaled(named);
    if (expected) expect(found).toMatchObject(expected);
    else expect(found).toBeNull();
  });

  it('reads an older key of a factor, and divisors on top of one', () => {
    expect(scaled({ 'llama.rope.scale_linear': real(2) })).toEqual({ rope_type: 'linear', factor: 2 });
    const divisors = [1, 1, 2, 4, 8, 8, 8, 8];
    expect(scaled({ 'llama.rope.scaling.factor': real(2) }, divisors)).toMatchObject({
      rope_type: 'longrope',
      attention_factor: 1,
      short_factor: divisors.map((value) => value * 2),
      long_factor: divisors.map((value) => value * 2),
    });
    expect(scaled({}, divisors.fill(1))).toBeNull();
  });

  it.each([
    [
      { 'llama.rope.scaling.type': text('longrope') },
      /rope.scaling.type "longrope" says; none, linear and yarn are read/,
    ],
    [{ 'llama.rope.scaling.type': whole(3) }, /rope.scaling.type "3" says/],
    [{ 'llama.rope.scaling.type': text('yarn'), 'llama.rope.scaling.yarn_ext_factor': real(0.5) }, /ext_factor 0.5/],
    [{ 'llama.rope.scaling.factor': real(-2) }, /factor of rope_scaling in the GGUF metadata is "-2"/],
    [{ 'llama.rope.dimension_count': whole(8) }, /turns 8 of 16 dimensions of a head/],
  ])('refuses %j', (entries, sentence) => {
    expect(() => scaled(entries)).toThrow(sentence);
  });

  it('rebuilds tokenizer.json, whatever the tokens are called', () => {
    const { tokenizer } = tokenizerOfGguf(header())!;
    const model = tokenizer.model as { vocab: Record<string, number>; merges: unknown };
    expect(Object.entries(model.vocab)).toContainEqual(['__proto__', 4]);
    expect(model.merges).toEqual([['a', 'b']]);
    expect(tokenizer.added_tokens).toMatchObject([{ id: 0, content: '<s>', special: true }]);
    expect(tokenizer.post_processor).toBeNull();
  });

  it('adds a first token when the file says so', () => {
    const adds = parse(
      ggufFile({ ...llama, 'tokenizer.ggml.add_bos_token': { value: true, type: GGUFValueType.BOOL } }, [], 0),
    );
    expect(tokenizerOfGguf(adds)!.tokenizer.post_processor).toMatchObject({
      type: 'TemplateProcessing',
      special_tokens: { '<s>': { ids: [0] } },
    });
  });

  it('says which tokenizers it does not rebuild', () => {
    expect(() => tokenizerOfGguf(parse(ggufFile({ ...llama, 'tokenizer.ggml.model': text('rwkv') }, [], 0)))).toThrow(
      /kind "rwkv"; gpt2, llama, t5, bert are rebuilt/,
    );
    expect(() => tokenizerOfGguf(parse(ggufFile({ ...llama, 'tokenizer.ggml.pre': text('kimi-k2') }, [], 0)))).toThrow(
      /pre-tokenizer is "kimi-k2"; known here are/,
    );
    expect(() => tokenizerOfGguf(parse(ggufFile({ 'tokenizer.ggml.model': text('gpt2') }, [], 0)))).toThrow(
      /no list of texts tokenizer.ggml.tokens/,
    );
  });

  it('names tensors as Hugging Face does and leaves none out', () => {
    const layout = ggufLayouts.llama!;
    expect(huggingFaceName('blk.12.attn_k.weight', layout)).toBe('model.layers.12.self_attn.k_proj.weight');
    expect(huggingFaceName('output.weight', layout)).toBe('lm_head.weight');
    expect(() => huggingFaceName('blk.0.ffn_gate_exps.weight', layout)).toThrow(/not one of the layout/);
    expect(() => huggingFaceName('constructor.weight', layout)).toThrow(/not one of the layout/);
    expect(() => ggufName('model.layers.0.mlp.experts.weight', layout)).toThrow(/no place in a GGUF file/);
  });

  it.each(Object.entries(ggufLayouts))('names of %s go there and back', (_, layout) => {
    const names = [
      ...Object.keys(layout.whole),
      ...Object.entries(layout.blocks).flatMap(([kind, { names }]) =>
        Object.keys(names).map((name) => `${kind}.7.${name}`),
      ),
    ].map((name) => `${name}.weight`);
    for (const name of names) {
      expect(ggufName(huggingFaceName(name, layout), layout)).toBe(name);
      expect(ggufName(huggingFaceName(name, layout, false), layout)).toBe(name);
    }
  });
});
