/** What kind of processor this is, asked by a function because its arithmetic, not its name, decides. */
import { readFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { constant, input, matMulInteger, toOnnx } from '@working-papers/graph';
import { BoundCall } from './call.ts';
import { physicalCores } from './cores.ts';
import { askEnvironment } from './environment.ts';
import { createSmallSession } from './session.ts';
import { NativeTensor } from './tensor.ts';

export interface ProcessorKind {
  /** The maker's name for it. */
  name: string;
  /** Physical cores that this process may use. */
  cores: number;
  /**
   * Whether products of uint8 by int8 over their full ranges are exact. Without int8 dot products (VNNI on x86) ONNX
   * Runtime's kernels saturate silently: 7-bit values or uint8 by uint8 are needed there.
   */
  int8Products: 'exact' | 'saturating';
  /** Instruction sets that matter to the kernels, by Linux's names; empty where the system does not tell. */
  features: string[];
}

const telling = [
  'avx',
  'avx2',
  'fma',
  'f16c',
  'avx512f',
  'avx512_vnni',
  'avx_vnni',
  'avx512_bf16',
  'amx_int8',
  'amx_bf16',
  'asimddp',
  'i8mm',
  'bf16',
  'sve',
];

let asked: Promise<ProcessorKind> | undefined;

/** The kind of this machine's processor; asked once a process (some milliseconds). */
export function processorKind(): Promise<ProcessorKind> {
  asked ??= ask();
  return asked;
}

async function ask(): Promise<ProcessorKind> {
  return {
    name: cpus()[0]?.model.trim() ?? 'unknown',
    cores: physicalCores(),
    int8Products: productsAreExact() ? 'exact' : 'saturating',
    features: features(),
  };
}

/** 255 times 127 over 576 terms, by constant weights, which take the packed kernels that real models take. */
function productsAreExact(): boolean {
  const [depth, columns] = [576, 16];
  const weight = constant(new Int8Array(depth * columns).fill(127), 'int8', [depth, columns]);
  const program = toOnnx({ product: matMulInteger(input('x', 'uint8', [1, depth]), weight) });
  return askEnvironment((environment) => {
    const session = createSmallSession(environment, program, 'The question for the kind of processor');
    const x = new NativeTensor(environment, 'uint8', [1, depth]);
    const product = new NativeTensor(environment, 'int32', [1, columns]);
    const call = new BoundCall(
      environment,
      session.pointer,
      'The question for the kind of processor',
      { x },
      { product },
      () => {},
    );
    x.write(new Uint8Array(depth).fill(255));
    call.runSync();
    const exact = product.read().every((value: number | bigint) => value === depth * 255 * 127);
    for (const held of [call, x, product, session]) held.release();
    return exact;
  });
}

function features(): string[] {
  try {
    const line = /^(?:flags|Features)\s*:(.*)$/m.exec(readFileSync('/proc/cpuinfo', 'utf8'))?.[1] ?? '';
    const flags = new Set(line.trim().split(/\s+/));
    return telling.filter((name) => flags.has(name));
  } catch {
    return [];
  }
}
