import type { SceneView } from '@working-papers/runs/plots';
import { expect, it } from 'vitest';
import { nearest, spoken, step, targetsOf } from './targets.ts';

const bounds = (x: number, y: number, size = 4) => ({ x1: x - size, x2: x + size, y1: y - size, y2: y + size });
const viewOf = (marks: unknown[]): SceneView => ({
  scenegraph: () => ({ root: { marktype: 'group', items: [{ items: marks }] } }),
  origin: () => [10, 20],
  padding: () => ({ left: 1, top: 2 }),
});
const point = (x: number, y: number, tooltip: unknown, datum = {}) => ({ x, y, bounds: bounds(x, y), tooltip, datum });

it('finds points from left to right where they are in the picture, not the lines and labels with them', () => {
  const view = viewOf([
    { marktype: 'line', role: 'mark', items: [point(0, 0, { a: '1' }), point(90, 0, { a: '2' })] },
    { marktype: 'symbol', role: 'mark', items: [point(50, 5, { a: '2' }), point(30, 5, { a: '1.8999999999' })] },
    { marktype: 'text', role: 'mark', items: [point(31, 5, { a: '1' })] },
    { marktype: 'symbol', role: 'legend-symbol', items: [point(0, 0, { a: 'key' })] },
  ]);
  const targets = targetsOf(view);
  expect(targets.map(({ lines }) => lines)).toEqual([[['a', '1.9']], [['a', '2']]]);
  expect(targets[0]!.box).toEqual({ x1: 37, x2: 45, y1: 23, y2: 31 });
});

it('steps along lines point by point, each at its own place', () => {
  const items = [
    point(80, 10, undefined, { step: 2, loss: 0.5 }),
    point(20, 10, undefined, { step: 1, loss: 0.25, _id: 3 }),
  ];
  const targets = targetsOf(viewOf([{ marktype: 'line', role: 'mark', items }]));
  expect(targets.map(({ lines }) => lines)).toEqual([
    [
      ['step', '2'],
      ['loss', '0.5'],
    ],
    [
      ['step', '1'],
      ['loss', '0.25'],
    ],
  ]);
  expect(targets[1]!.box).toEqual({ x1: 28, x2: 34, y1: 29, y2: 35 });
});

it('knows which target a pointer means', () => {
  const target = (x: number, y: number, size: number) => ({ box: bounds(x, y, size), round: true, lines: [] });
  const targets = [target(100, 100, 50), target(100, 100, 5), target(300, 100, 5)];
  expect(nearest(targets, 100, 100)).toBe(1);
  expect(nearest(targets, 60, 60)).toBe(0);
  expect(nearest(targets, 280, 100)).toBe(2);
  expect(nearest(targets, 200, 400)).toBeUndefined();
});

it('goes where keys lead, and no further than the ends', () => {
  expect(step('ArrowRight', undefined, 3)).toBe(0);
  expect(step('ArrowDown', 1, 3)).toBe(2);
  expect(step('ArrowRight', 2, 3)).toBe(2);
  expect(step('ArrowLeft', 0, 3)).toBe(0);
  expect(step('ArrowLeft', undefined, 3)).toBe(2);
  expect([step('Home', 2, 3), step('End', 0, 3)]).toEqual([0, 2]);
  expect(step('Tab', 1, 3)).toBeUndefined();
  expect(step('End', undefined, 0)).toBeUndefined();
});

it('says a target in a sentence', () => {
  const lines: [string, string][] = [
    ['predicted', '2.00'],
    ['measured, times', '2.18'],
  ];
  expect(spoken({ box: bounds(0, 0), round: true, lines }, 2, 9)).toBe('predicted 2.00, measured, times 2.18; 3 of 9');
});
