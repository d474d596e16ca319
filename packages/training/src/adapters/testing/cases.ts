/** Adapters that peft saved, the models that they are for, and what peft computes with them (fixtures/make-adapters.py). */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { checkConfig, type WeightTensor } from '@working-papers/models';
import { readJsonObject, readSafetensors, WeightFile } from '@working-papers/models/node';
import { type DescribedTensor, fixtureTensors } from '@working-papers/models/testing';
import type { HostTensor } from '@working-papers/runtime';
import type { BaseModel } from '../types.ts';

export interface PeftCase {
  model: BaseModel;
  /** Token ids of decoders and encoders of text. */
  ids: number[][];
  /** All inputs by the names of `forwardInputs`. */
  inputs: Record<string, HostTensor>;
  /** float32 `[rows, sequence, vocabulary]`, or `[rows, labels]`. */
  logits: HostTensor;
  folder: string;
  /** adapter_config.json. */
  fields: Record<string, unknown>;
  /** adapter_model.safetensors. */
  tensors: Map<string, WeightTensor>;
}

export async function peftCase(name: string): Promise<PeftCase> {
  const folder = fileURLToPath(new URL(`../../../fixtures/adapters/${name}`, import.meta.url));
  const stored = JSON.parse(readFileSync(`${folder}/case.json`, 'utf8')) as {
    config: unknown;
    tensors: DescribedTensor[];
    inputs: { ids?: number[][]; decoderIds?: number[][]; pixels?: StoredFloats };
    logits: StoredFloats;
  };
  const inputs = Object.entries(stored.inputs).map(([key, value]): [string, HostTensor] => [
    key,
    Array.isArray(value) ? int64(value) : float32(value),
  ]);
  return {
    model: { config: checkConfig(stored.config, name), tensors: fixtureTensors(stored.tensors) },
    ids: stored.inputs.ids ?? [],
    inputs: Object.fromEntries(inputs),
    logits: float32(stored.logits),
    folder,
    fields: (await readJsonObject(`${folder}/adapter_config.json`))!,
    tensors: await readSafetensors(await WeightFile.find(`${folder}/adapter_model.safetensors`)),
  };
}

interface StoredFloats {
  shape: number[];
  /** In base64. */
  data: string;
}

const float32 = ({ shape, data }: StoredFloats): HostTensor => ({
  dtype: 'float32',
  shape,
  data: new Float32Array(Uint8Array.from(Buffer.from(data, 'base64')).buffer),
});

export const int64 = (rows: readonly (readonly number[])[]): HostTensor => ({
  dtype: 'int64',
  shape: [rows.length, rows[0]!.length],
  data: BigInt64Array.from(rows.flat(), BigInt),
});

/** The largest difference; infinite where the shapes differ. */
export function distance(got: HostTensor, wanted: HostTensor): number {
  if (got.shape.join() !== wanted.shape.join()) return Number.POSITIVE_INFINITY;
  let largest = 0;
  for (let i = 0; i < wanted.data.length; i++) {
    const difference = Math.abs(Number(got.data[i]) - Number(wanted.data[i]));
    if (!(difference <= largest)) largest = difference;
  }
  return largest;
}

/** The same as a share of the largest number, where that is above 1. */
export const relative = (got: HostTensor, wanted: HostTensor): number =>
  distance(got, wanted) / Math.max(1, ...Array.from(wanted.data as Float32Array, Math.abs));
