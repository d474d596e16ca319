import { add, input } from '@working-papers/graph';
import { describe, expect, test } from 'vitest';
import { within } from '../optimisers/transformation.ts';
import { StepScope } from './scope.ts';

describe('StepScope', () => {
  test('collects states, their new values and scalars under names of inputs and outputs', () => {
    const scope = new StepScope();
    const inner = within(scope, '0.');
    const state = inner.state('mean.w', [2, 3]);
    const rate = inner.scalar('rate', (step) => 1 / (step + 1));
    const next = add(state, rate);
    inner.put('mean.w', next);
    expect(scope.states).toEqual(new Map([['optimiser.0.mean.w', { shape: [2, 3], tensor: state, next }]]));
    expect(scope.outputs).toEqual({ 'optimiser.0.mean.w.next': next });
    expect(state).toMatchObject({ name: 'optimiser.0.mean.w', dtype: 'float32', shape: [2, 3] });
    expect(rate).toMatchObject({ name: 'optimiser.0.rate', dtype: 'float32', shape: [] });
    expect(scope.scalarsAt(3)).toEqual(new Map([['optimiser.0.rate', 0.25]]));
  });

  test('hands scalars over in double precision', () => {
    const scope = new StepScope({ prefix: '' });
    scope.scalar('third', () => 1 / 3);
    expect(scope.scalarsAt(0).get('third')).toBe(1 / 3);
  });

  test('a name is given once', () => {
    const scope = new StepScope();
    scope.state('a', [1]);
    expect(() => scope.state('a', [1])).toThrow('Two states or scalars of the optimiser have the name "a"');
    expect(() => scope.scalar('a', () => 0)).toThrow('Two states or scalars of the optimiser have the name "a"');
  });

  test('a state is put once, in its shape, and not forgotten', () => {
    const scope = new StepScope();
    expect(() => scope.put('a', input('x', 'float32', [1]))).toThrow(
      '"a" is put but no state of that name was asked for.',
    );
    const state = scope.state('a', [2]);
    expect(() => scope.states).toThrow('The state "optimiser.a" is asked for but never put');
    expect(() => scope.put('a', input('x', 'float32', [3]))).toThrow(
      'The state "a" is float32 [2]; what is put is float32 [3].',
    );
    scope.put('a', state);
    expect(() => scope.put('a', state)).toThrow('The state "a" is put twice');
  });

  test('a scalar that is no number is named', () => {
    const scope = new StepScope();
    scope.scalar('rate', (step) => 1 / (step - 1));
    expect(() => scope.scalarsAt(1)).toThrow('The scalar "optimiser.rate" is Infinity at step 1');
  });
});
