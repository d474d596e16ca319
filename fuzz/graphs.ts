/** The whole graph of a model as it would be compiled, with the bytes of its initialisers. */
import type { Operation, Tensor } from '@working-papers/graph';
import { architectureOf, type ModelConfig, type WeightTensor, weightSource } from '@working-papers/models';
import { expect } from 'vitest';
import { forwardInputs } from '../packages/models/src/activations/taps.ts';

/** A table of positions may have as many bytes as the context asks for, up to a limit of its own; small ones are made. */
const largestTable = 2 ** 28;
const small = 2 ** 16;

/** Builds a whole pass and the bytes of what is in it; throws the sentence that opening the model would end with. */
export function buildWhole(config: ModelConfig, tensors: ReadonlyMap<string, WeightTensor>): void {
  const architecture = architectureOf(config);
  architecture.facts(config);
  const { required, optional } = architecture.inputs(config);
  const inputs = forwardInputs([...required, ...optional]);
  const outputs = architecture.forward(config, weightSource(tensors, 'fp32'), inputs, {});
  for (const { name = '', op, shape } of initialisersOf(Object.values(outputs))) {
    const bytes = 4 * shape.reduce<number>((product, size) => product * Number(size), 1);
    const isTable = /^(rotary|sinusoidal)\./.test(name);
    if (isTable) expect(bytes, name).toBeLessThanOrEqual(largestTable);
    const { data } = op.attributes as { data: Uint8Array | (() => Uint8Array) };
    if (!isTable || bytes <= small) expect((data instanceof Uint8Array ? data : data()).byteLength, name).toBe(bytes);
  }
}

function initialisersOf(outputs: readonly Tensor[]): Tensor[] {
  const seen = new Set<Operation>();
  const waiting = outputs.map(({ op }) => op);
  for (let op = waiting.pop(); op; op = waiting.pop()) {
    if (seen.has(op)) continue;
    seen.add(op);
    for (const input of op.inputs) if (input) waiting.push(input.op);
  }
  return [...seen].filter(({ rule }) => rule.name === 'initializer').map(({ outputs: [tensor] }) => tensor!);
}
