/** Cases that a script made with transformers (architectures/fixtures/*.py), and the weights that both sides make from names. */
import { readdirSync, readFileSync } from 'node:fs';
import type { TensorData } from '@working-papers/graph';
import type { ForwardInput } from '../activations/types.ts';
import { checkConfig } from '../formats/config.ts';
import type { ModelConfig, WeightTensor } from '../formats/types.ts';
import { weightOf } from './random-checkpoint.ts';

export interface FixtureTensor {
  shape: readonly number[];
  data: Float32Array;
}

export interface Fixture {
  config: ModelConfig;
  tensors: Map<string, WeightTensor>;
  inputs: ForwardInput;
  outputs: Record<string, FixtureTensor>;
  activations: Record<string, FixtureTensor>;
}

/** What a weight is made from. */
export interface DescribedTensor {
  name: string;
  shape: number[];
  spread: number;
  offset: number;
}

interface Stored {
  config: unknown;
  tensors: DescribedTensor[];
  inputs: ForwardInput & { pixels?: { shape: number[]; data: string } };
  outputs: Record<string, { shape: number[]; data: string }>;
  activations: Record<string, { shape: number[]; data: string }>;
}

const folder = new URL('../architectures/fixtures/', import.meta.url);

/** Names of the cases whose `model_type` is one of these. */
export function fixturesOf(types: readonly string[]): string[] {
  return readdirSync(folder)
    .filter((file) => file.endsWith('.json'))
    .filter((file) => types.includes(read(file).config.model_type))
    .map((file) => file.slice(0, -'.json'.length));
}

export function readFixture(name: string): Fixture {
  const { config, tensors, inputs, outputs, activations } = read(`${name}.json`);
  const decoded = (all: Stored['outputs']) =>
    Object.fromEntries(Object.entries(all).map(([key, { shape, data }]) => [key, { shape, data: floatsOf(data) }]));
  const { pixels, ...others } = inputs;
  return {
    config: checkConfig(config, name),
    tensors: fixtureTensors(tensors),
    inputs: pixels ? { ...others, pixels: { shape: pixels.shape, data: floatsOf(pixels.data) } } : others,
    outputs: decoded(outputs),
    activations: decoded(activations),
  };
}

/** The weights of a description. */
export const fixtureTensors = (described: readonly DescribedTensor[]): Map<string, WeightTensor> =>
  new Map(
    described.map(({ name, shape, spread, offset }) => [
      name,
      weightOf(name, shape, fixtureWeight(name, shape, spread, offset)),
    ]),
  );

const read = (file: string): Stored & { config: ModelConfig } =>
  JSON.parse(readFileSync(new URL(file, folder), 'utf8'));

const floatsOf = (base64: string): Float32Array =>
  new Float32Array(Uint8Array.from(Buffer.from(base64, 'base64')).buffer);

/** Uniform in offset +- spread from a hash of the name and the place; fixture.py has the same. */
function fixtureWeight(name: string, shape: readonly number[], spread: number, offset: number): Float32Array {
  let seed = 2166136261;
  for (const byte of new TextEncoder().encode(name)) seed = Math.imul(seed ^ byte, 16777619);
  return Float32Array.from({ length: shape.reduce((product, size) => product * size, 1) }, (_, place) => {
    let z = (seed + Math.imul(place, 0x9e3779b9)) | 0;
    z = Math.imul(z ^ (z >>> 16), 0x21f0aaad);
    z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
    z ^= z >>> 15;
    return offset + spread * ((z >>> 8) / 2 ** 23 - 1);
  });
}

/** The largest difference from `wanted`, which may hold the first rows alone; infinite where the shapes differ. */
export function distance(got: { shape: readonly number[]; data: TensorData }, wanted: FixtureTensor): number {
  const [rows, ...rest] = wanted.shape;
  if (got.shape.slice(1).join() !== rest.join() || !(got.shape[0]! >= rows!)) return Number.POSITIVE_INFINITY;
  let largest = 0;
  for (let i = 0; i < wanted.data.length; i++) {
    const difference = Math.abs(Number(got.data[i]!) - wanted.data[i]!);
    if (!(difference <= largest)) largest = difference;
  }
  return largest;
}
