import { describe, expect, it } from 'vitest';
import { tinyLlama as config } from '../testing/random-checkpoint.ts';
import { checkConfig } from './config.ts';
import { FormatError } from './format-error.ts';

describe('a configuration that lies is refused before anything is made by it', () => {
  it.each(Object.keys(config).filter((field) => /size|num_/.test(field)))('%s', (field) => {
    for (const value of [1e9, 0, -1, 1.5, '64', [64], null, Number.POSITIVE_INFINITY]) {
      if (value === null && field === 'num_key_value_heads') continue;
      expect(() => checkConfig({ ...config, [field]: value }, 'config.json')).toThrow(
        new RegExp(`^${field} in config\\.json is ".*"; it must be a whole number from 1 to \\d+\\.$`),
      );
    }
  });

  it.each([
    ['rms_norm_eps', '1e-5', 'a number above 0'],
    ['rope_theta', -1, 'a number above 0'],
    ['hidden_act', 'x'.repeat(101), 'a text of at most 100 characters'],
    ['pad_token_id', [0], 'a token id'],
    ['eos_token_id', [1, 'x'], 'a token id or a list of them'],
    ['architectures', 'LlamaForCausalLM', 'a list of names'],
    ['tie_word_embeddings', 'false', 'true or false'],
    ['rope_scaling', 'linear', 'an object'],
  ])('%s', (field, value, says) => {
    const read = () => checkConfig({ ...config, [field]: value }, 'config.json');
    expect(read).toThrow(FormatError);
    expect(read).toThrow(`it must be ${says}.`);
  });

  it.each([
    [{ factor: '8' }, 'factor of rope_scaling in config.json is "8"; it must be a number above 0.'],
    [{ rope_type: ['linear'] }, 'rope_type of rope_scaling in config.json is "linear"; it must be a text'],
  ])('rope_scaling %j', (rope_scaling, message) => {
    expect(() => checkConfig({ ...config, rope_scaling }, 'config.json')).toThrow(message);
  });

  it('takes what a file may leave out, and null for it', () => {
    const none = { rope_scaling: null, eos_token_id: null, architectures: null, pad_token_id: -1 };
    expect(checkConfig({ ...config, ...none }, 'config.json')).toMatchObject(none);
  });
});
