/** The recommendation: which rate, which intervention, at which size it will be needed; every number from the rows. */
import type { ReportOptions, ScanSummary } from './report.ts';
import { band, bestLoss, distinct, overSeeds, type Rows, seedsOf, select, sizesOf } from './rows.ts';
import { bestRateOf } from './views.ts';

const nats = (value: number) => `${value.toFixed(2)} nats`;
/** 1.8 million, 620 thousand. */
export function countOf(n: number): string {
  if (n >= 1e15) return 'more than any model has';
  const [unit, name] =
    n >= 1e9 ? [1e9, ' billion'] : n >= 1e6 ? [1e6, ' million'] : n >= 1e3 ? [1e3, ' thousand'] : [1, ''];
  return `${Number((n / unit).toPrecision(2))}${name}`;
}

export function recommendation(rows: Rows, summary: ScanSummary, options: ReportOptions): string {
  return [
    `**Learning rate.** ${rateSentence(rows)}`,
    `**Intervention.** ${interventionSentence(rows, summary)}`,
    `**Size.** ${sizeSentence(summary, options, sizesOf(rows).length)}`,
  ].join('\n\n');
}

function rateSentence(rows: Rows): string {
  const size = sizesOf(rows).at(-1)!;
  const own = select(rows, { size });
  const arms = distinct(own.map(({ arm }) => arm));
  const best = arms.reduce((a, b) => (bestLoss(select(own, { arm: b })) < bestLoss(select(own, { arm: a })) ? b : a));
  const of = select(own, { arm: best });
  const width = 10 ** overSeeds(seedsOf(of), (seed) => band(select(of, { seed }))).value;
  return `${size}, the largest size of the scan, learns best at ${bestRateOf(of)} with ${best}: ${nats(bestLoss(of))}. Rates that lose less than 0.2 nats span a factor of ${Number(width.toPrecision(2))}.`;
}

function interventionSentence(rows: Rows, { sensitivities }: ScanSummary): string {
  const size = sizesOf(rows).at(-1)!;
  const here = sensitivities.filter((entry) => entry.size === size);
  const plain = here.find(({ arm }) => arm === 'base') ?? here[0]!;
  const others = here.filter((entry) => entry !== plain);
  if (others.length === 0)
    return `Only ${plain.arm} was trained, so nothing can be compared: its sensitivity at high rates is ${nats(plain.high.value)}. Add arms: base,qk-norm.`;
  const best = others.reduce((a, b) => (b.high.value < a.high.value ? b : a));
  const gain = plain.high.value - best.high.value;
  const sure = best.high.high < plain.high.low && seedsOf(rows).length > 1;
  if (gain <= 0)
    return `None of ${others.map(({ arm }) => arm).join(', ')} lowers the sensitivity at high rates at ${size}: ${plain.arm} has ${nats(plain.high.value)}.`;
  return `At ${size}, ${best.arm} lowers the sensitivity at high rates most, from ${nats(plain.high.value)} to ${nats(best.high.value)}${
    sure
      ? ', more than seeds differ'
      : seedsOf(rows).length > 1
        ? ', which is less than seeds differ: train more of them'
        : '; with one seed nobody knows what chance has done'
  }.`;
}

function sizeSentence({ foretold, alarm }: ScanSummary, { target }: ReportOptions, sizes: number): string {
  if (sizes < 3)
    return `Growth is foretold from three sizes or more; there ${sizes === 1 ? 'is one' : 'are two'}. Add sizes.`;
  if (foretold.length === 0) return 'Every arm has qk-layernorm; logits are foretold for arms without it. Add base.';
  const { arm } = foretold[0]!;
  const own = foretold.filter((entry) => entry.arm === arm);
  const limit = `${Number(alarm.limit.toPrecision(2)).toLocaleString('en')}${'wrong' in alarm ? ' (where runs here begin to lose to qk-layernorm)' : ' (the paper’s, recalled; there are no runs here to calibrate it on)'}`;
  const logits = own.map(({ rate, logits: n }) =>
    n === null ? `not at ${rate}` : `at ${rate} from about ${countOf(n)} parameters on`,
  );
  const gradients = own.filter(({ gradients: n }) => n !== null && n < 1e13);
  const held =
    gradients.length === 0
      ? 'No fit of the embedding’s gradient falls to ten times an ε of 1e-8 at any size in sight.'
      : `The embedding’s gradient is foretold to fall to ten times an ε of 1e-8 ${gradients.map(({ rate, gradients: n }) => `at ${rate} from about ${countOf(n!)} parameters on`).join(', ')}: use a smaller ε there.`;
  const there =
    target === undefined
      ? ''
      : ` A model of ${countOf(target)} parameters is foretold logits of ${own.map(({ rate, logitsAtTarget }) => `${Number(logitsAtTarget!.toPrecision(2)).toLocaleString('en')} at ${rate}`).join(', ')}.`;
  return `With ${arm} the largest attention logit is foretold to pass ${limit}: ${logits.join(', ')}.${there} From there on normalise queries and keys, or stay at lower rates. ${held}`;
}
