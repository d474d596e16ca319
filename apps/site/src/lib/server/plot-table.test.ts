import { expect, it } from 'vitest';
import { tablesOf } from './plot-table.ts';

const encoding = {
  x: { field: 'step', type: 'quantitative', title: 'step' },
  y: { field: 'seconds', type: 'quantitative', axis: { title: 'time, s' } },
};

it('has the names and units of the axes, and numbers as numbers', () => {
  const values = [
    { step: 1, seconds: 0.5, how: 'padded' },
    { step: 2, how: 'packed' },
  ];
  expect(tablesOf({ data: { values }, mark: 'line', encoding })).toEqual([
    {
      columns: [
        { name: 'step', type: 'number' },
        { name: 'time, s', type: 'number' },
        { name: 'how', type: 'text' },
      ],
      rows: [
        [1, 0.5, 'padded'],
        [2, null, 'packed'],
      ],
      total: 2,
    },
  ]);
});

it('lists rows that several layers draw once, and cuts long lists with their length', () => {
  const values = Array.from({ length: 300 }, (_, step) => ({ step, seconds: step }));
  const layer = (rows: unknown[]) => ({ data: { values: rows }, mark: 'point', encoding });
  const tables = tablesOf({ layer: [layer([{ step: -1, seconds: 9 }]), layer(values), layer(values.slice(0, 9))] });
  expect(tables.map(({ rows, total }) => [rows.length, total])).toEqual([
    [200, 300],
    [1, 1],
  ]);
  expect(tablesOf({ mark: 'bar' })).toEqual([]);
});
