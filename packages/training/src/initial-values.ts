import { seededUniform } from '@working-papers/models';

/** Uniform in [-bound, bound), the same for one seed and one name whatever is drawn besides. */
export function uniformValues(seed: number, name: string, count: number, bound: number): Float32Array {
  const uniform = seededUniform(mixed(seed, name));
  return Float32Array.from({ length: count }, () => (2 * uniform() - 1) * bound);
}

/** Normal with mean 0 and variance 1 (Box and Muller 1958). */
export function normalValues(seed: number, name: string, count: number): Float32Array {
  const uniform = seededUniform(mixed(seed, name));
  return Float32Array.from(
    { length: count },
    () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform()),
  );
}

/** Seed and name in 32 bits (FNV-1a). */
function mixed(seed: number, name: string): number {
  if (!Number.isSafeInteger(seed)) throw new Error(`A seed must be a whole number; got ${seed}.`);
  let hash = 2166136261;
  for (const byte of new TextEncoder().encode(`${seed}/${name}`)) hash = Math.imul(hash ^ byte, 16777619);
  return hash;
}
