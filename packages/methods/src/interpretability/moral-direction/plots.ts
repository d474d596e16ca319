/** Pictures of a direction: Vega-Lite with inline values. */
const schema = 'https://vega.github.io/schema/vega-lite/v6.json';

export function wordPlot(
  values: readonly { word: string; side: string; first: number; second: number }[],
): Record<string, unknown> {
  return {
    $schema: schema,
    width: 460,
    height: 320,
    data: { values },
    encoding: {
      x: { field: 'first', type: 'quantitative', title: 'along the direction' },
      y: { field: 'second', type: 'quantitative', title: 'second component' },
      color: {
        field: 'side',
        type: 'nominal',
        scale: { domain: ['positive', 'negative', 'everyday'], range: ['#2f7385', '#b0452f', '#70685a'] },
      },
      tooltip: [{ field: 'word' }, { field: 'first', format: '.2f' }],
    },
    layer: [
      { mark: { type: 'point', filled: true } },
      { mark: { type: 'text', dx: 6, align: 'left', fontSize: 11 }, encoding: { text: { field: 'word' } } },
    ],
  };
}

export function rankPlot(values: readonly { phrase: string; score: number }[]): Record<string, unknown> {
  return {
    $schema: schema,
    width: 360,
    height: { step: 20 },
    data: { values: values.map(({ phrase, score }) => ({ phrase, score })) },
    mark: { type: 'bar' },
    encoding: {
      y: { field: 'phrase', type: 'nominal', sort: null, title: null },
      x: { field: 'score', type: 'quantitative', title: 'score' },
      color: { condition: { test: 'datum.score < 0', value: '#b0452f' }, value: '#2f7385' },
    },
  };
}

export function sharePlot(
  values: readonly { phrase: string; score: number; human: number }[],
): Record<string, unknown> {
  return {
    $schema: schema,
    width: 420,
    height: 300,
    data: { values: values.map(({ phrase, score, human }) => ({ phrase, score, human })) },
    encoding: {
      x: { field: 'human', type: 'quantitative', title: 'human column' },
      y: { field: 'score', type: 'quantitative', title: 'score' },
      tooltip: [{ field: 'phrase' }, { field: 'human' }, { field: 'score', format: '.2f' }],
    },
    layer: [
      { mark: { type: 'point', filled: true, color: '#1d1b17' } },
      { mark: { type: 'text', dx: 6, align: 'left', fontSize: 11 }, encoding: { text: { field: 'phrase' } } },
    ],
  };
}

export function keptPlot(values: readonly { sample: string; step: number; kept: number }[]): Record<string, unknown> {
  return {
    $schema: schema,
    width: 460,
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
