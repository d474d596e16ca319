/** Pictures of a direction: Vega-Lite with inline values. Colours are the theme's, in the order of each scale's domain. */
const schema = 'https://vega.github.io/schema/vega-lite/v6.json';

type Spec = Record<string, unknown>;

/** As much of a phrase as a picture can name. */
const nameOf = (phrase: string): string =>
  phrase.length <= 40 ? phrase : `${Array.from(phrase).slice(0, 38).join('').trimEnd()} …`;

/** The same for a row each: names that would be alike are numbered. */
function rowNames(phrases: readonly string[]): string[] {
  const seen = new Map<string, number>();
  return phrases.map((phrase) => {
    const name = nameOf(phrase);
    const times = (seen.get(name) ?? 0) + 1;
    seen.set(name, times);
    return times === 1 ? name : `${name} (${times})`;
  });
}

/** Every word at its place on the first two components; the farther out, the surer it keeps its label. */
export function wordPlot(values: readonly { word: string; side: string; first: number; second: number }[]): Spec {
  const outermost = [...values].sort((a, b) => Math.abs(b.first) - Math.abs(a.first));
  return {
    $schema: schema,
    height: 320,
    data: { values: outermost.map((value) => ({ ...value, word: nameOf(value.word) })) },
    encoding: {
      x: { field: 'first', type: 'quantitative', title: 'along the direction' },
      y: { field: 'second', type: 'quantitative', title: 'second component' },
      color: { field: 'side', type: 'nominal', scale: { domain: ['positive', 'negative', 'everyday'] } },
      tooltip: [{ field: 'word' }, { field: 'first', format: '.2f' }],
    },
    layer: [
      { mark: { type: 'point' } },
      {
        mark: { type: 'text', dx: 5, align: 'left', fontSize: 12, fontWeight: 400 },
        encoding: { text: { field: 'word' } },
      },
    ],
  };
}

/** A bar a phrase, in the order given. */
export function rankPlot(values: readonly { phrase: string; score: number }[]): Spec {
  const names = rowNames(values.map(({ phrase }) => phrase));
  return {
    $schema: schema,
    height: { step: 20 },
    data: {
      values: values.map(({ score }, i) => ({ phrase: names[i], score, side: score < 0 ? 'negative' : 'positive' })),
    },
    mark: { type: 'bar' },
    encoding: {
      y: { field: 'phrase', type: 'nominal', sort: null, title: null },
      x: { field: 'score', type: 'quantitative', title: 'score' },
      color: { field: 'side', type: 'nominal', scale: { domain: ['positive', 'negative'] }, legend: null },
      tooltip: [{ field: 'phrase' }, { field: 'score', format: '.2f' }],
    },
  };
}

/** Phrases that were labelled one way and scored the other, a line each: how far the score lies on the wrong side. */
export function misfitPlot(values: readonly { phrase: string; score: number; label: string }[]): Spec {
  const sorted = [...values].sort((a, b) => b.score - a.score);
  const labels = ['labelled fine', 'labelled wrong'].filter((label) => values.some((value) => value.label === label));
  const names = rowNames(sorted.map(({ phrase }) => phrase));
  return {
    $schema: schema,
    height: { step: 22 },
    data: { values: sorted.map(({ score, label }, i) => ({ phrase: names[i], score, label })) },
    encoding: {
      y: { field: 'phrase', type: 'nominal', sort: null, title: null },
      x: { field: 'score', type: 'quantitative', title: 'score' },
      color: { field: 'label', type: 'nominal', scale: { domain: labels } },
      tooltip: [{ field: 'phrase' }, { field: 'label' }, { field: 'score', format: '.2f' }],
    },
    layer: [
      { mark: { type: 'rule', strokeDash: [1, 0] }, encoding: { x2: { datum: 0 } } },
      { mark: { type: 'point', size: 50 } },
    ],
  };
}

/** Phrases by the human column and by the score; those that disagree most keep their labels. */
export function sharePlot(values: readonly { phrase: string; score: number; human: number }[]): Spec {
  return {
    $schema: schema,
    height: 300,
    data: { values: values.map(({ phrase, score, human }) => ({ phrase: nameOf(phrase), score, human })) },
    encoding: {
      x: { field: 'human', type: 'quantitative', title: 'human column' },
      y: { field: 'score', type: 'quantitative', title: 'score' },
      tooltip: [{ field: 'phrase' }, { field: 'human' }, { field: 'score', format: '.2f' }],
    },
    layer: [
      { mark: { type: 'point' } },
      {
        mark: { type: 'text', dx: 5, align: 'left', fontSize: 12, fontWeight: 400 },
        encoding: { text: { field: 'phrase' } },
      },
    ],
  };
}

/** How many candidates passed at each step, a line a sample. */
export function keptPlot(values: readonly { sample: string; step: number; kept: number }[]): Spec {
  return {
    $schema: schema,
    height: 180,
    data: { values },
    mark: { type: 'line', interpolate: 'step-after' },
    encoding: {
      x: { field: 'step', type: 'quantitative', title: 'step' },
      y: { field: 'kept', type: 'quantitative', title: 'candidates kept' },
      color: { field: 'sample', type: 'nominal' },
    },
  };
}

interface Interval {
  value: number;
  low: number;
  high: number;
}

/** What each filter takes away against what it costs, with both intervals; filters in the order given make a line an opening's kind. */
export function tradeOffPlot(
  values: readonly { group: string; filter: string; share: Interval; nll: Interval }[],
): Spec {
  return {
    $schema: schema,
    height: 300,
    data: {
      values: values.map(({ group, filter, share, nll }, order) => ({
        openings: `${group} openings`,
        filter,
        order,
        share: share.value,
        shareLow: share.low,
        shareHigh: share.high,
        nll: nll.value,
        nllLow: nll.low,
        nllHigh: nll.high,
      })),
    },
    encoding: {
      x: { field: 'nll', type: 'quantitative', title: 'mean NLL (nats/token)', scale: { zero: false } },
      y: { field: 'share', type: 'quantitative', title: 'negative texts (%)' },
      color: { field: 'openings', type: 'nominal', scale: { domain: ['hostile openings', 'neutral openings'] } },
      tooltip: [{ field: 'filter' }, { field: 'nll', format: '.2f' }, { field: 'share', format: '.1f' }],
    },
    layer: [
      {
        mark: { type: 'rule', strokeDash: [1, 0], opacity: 0.35 },
        encoding: { y: { field: 'shareLow', type: 'quantitative' }, y2: { field: 'shareHigh' } },
      },
      {
        mark: { type: 'rule', strokeDash: [1, 0], opacity: 0.35 },
        encoding: { x: { field: 'nllLow', type: 'quantitative' }, x2: { field: 'nllHigh' } },
      },
      { mark: { type: 'line' }, encoding: { order: { field: 'order' } } },
      { mark: { type: 'point', size: 50 } },
      {
        mark: { type: 'text', dx: 7, dy: -9, align: 'left', fontSize: 12, fontWeight: 400 },
        encoding: { text: { field: 'filter' } },
      },
    ],
  };
}
