/** Token ids and changes of activations as they are typed. */
import type { Edit } from '@working-papers/models';
import { UsageError } from './problems.ts';

/** "1,2,3;4,5,6" as rows of whole numbers. */
export function tokenTable(text: string, flag: string): number[][] {
  return text.split(';').map((row, index) => {
    if (row.trim() === '') throw new UsageError(`Row ${index} of ${flag} is empty. Give whole numbers such as 1,2,3.`);
    return row.split(',').map((word) => {
      const value = Number(word);
      if (word.trim() === '' || !Number.isInteger(value) || value < 0) {
        throw new UsageError(`"${word.trim()}" in ${flag} is not a whole number of at least 0.`);
      }
      return value;
    });
  });
}

const operations = { '=': 'replace', '+=': 'add', '*=': 'multiply' } as const;

/** "blocks.3.attention.output*=0.5@0,3" as a change of an activation. */
export function editsOf(texts: readonly string[]): Edit[] {
  return texts.map((text) => {
    const parts = /^([\w.]+?)(=|\+=|\*=)([^@]+)(?:@([\d,\s]+))?$/.exec(text);
    const value = Number(parts?.[3]);
    if (!parts || !Number.isFinite(value)) {
      throw new UsageError(`"${text}" (--edit) is no change; write NAME=0, NAME+=1 or NAME*=0.5, and @0,3 for places.`);
    }
    return {
      name: parts[1]!,
      operation: operations[parts[2] as keyof typeof operations],
      value,
      ...(parts[4] === undefined ? {} : { positions: tokenTable(parts[4], '--edit')[0]! }),
    };
  });
}
