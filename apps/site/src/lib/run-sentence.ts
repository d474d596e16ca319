/** A run's status as a sentence: what is (bold on the page), and what follows from it. */
import { duration } from './format.ts';
import type { RunState } from './run-state.ts';

export interface RunSentence {
  is: string;
  follows: string;
}

/** The facts around the state: seconds so far or in all, seconds left, the model's short name, workers that are there. */
export interface Around {
  seconds: number;
  left?: number;
  model?: string;
  workers: number;
}

const ended = (text: string) => (/[.!?…]$/.test(text) ? text : `${text}.`);
/** "Cut here." and the rest of a message. */
function halves(message: string): [string, string] {
  const cut = /^(.+?[.!?])\s+(.+)$/s.exec(message);
  return cut ? [cut[1]!, ended(cut[2]!)] : [ended(message), ''];
}

export function runSentence(state: RunState, { seconds, left, model, workers }: Around): RunSentence {
  const { progress, message } = state;
  const on = model ? ` on ${model}` : '';
  const at =
    progress?.total && progress.unit
      ? ` at ${progress.done.toLocaleString('en')} of ${progress.total.toLocaleString('en')} ${progress.unit}`
      : '';
  switch (state.status) {
    case 'queued':
      return {
        is: 'Waiting for a worker.',
        follows: workers > 0 ? 'It starts as soon as one is free.' : 'None is here: “papers worker” starts one.',
      };
    case 'running': {
      const parts = [progress?.message, left === undefined ? undefined : `about ${duration(left)} left`].filter(
        Boolean,
      );
      return {
        is: `Running for ${duration(seconds)}${on}${parts.length > 0 ? ':' : '.'}`,
        follows: parts.length > 0 ? ended(parts.join(', ')) : '',
      };
    }
    case 'done':
      return { is: `Done in ${duration(seconds)}${on}.`, follows: '' };
    case 'cancelled':
      return { is: `Cancelled${at} after ${duration(seconds)}.`, follows: 'What was done until then is kept.' };
    case 'lost':
      return {
        is: `Lost${at} after ${duration(seconds)}.`,
        follows: ended(message ?? 'The worker disappeared. Run it again'),
      };
    case 'failed': {
      // What to change comes first; that it failed, and when, after it.
      const [first, rest] = halves(message ?? 'The method ended with an error.');
      return { is: first, follows: `${rest}${rest ? ' ' : ''}Failed after ${duration(seconds)}.` };
    }
    default:
      return { is: ended(state.status), follows: message ? ended(message) : '' };
  }
}
