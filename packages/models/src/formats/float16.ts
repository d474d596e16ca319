let halves: Float32Array | undefined;

/** All 65,536 float16 values by their bits. */
export function float16Table(): Float32Array {
  if (halves) return halves;
  halves = new Float32Array(65536);
  for (let bits = 0; bits < 65536; bits++) {
    const exponent = (bits >> 10) & 31;
    const fraction = bits & 1023;
    const magnitude =
      exponent === 31
        ? fraction === 0
          ? Number.POSITIVE_INFINITY
          : Number.NaN
        : exponent === 0
          ? fraction * 2 ** -24
          : (1024 + fraction) * 2 ** (exponent - 25);
    halves[bits] = bits & 0x8000 ? -magnitude : magnitude;
  }
  return halves;
}

/** Bits of the halves nearest to float32 values, ties to even; what is beyond 65504 becomes infinity. */
export function float16BitsOf(values: Float32Array): Uint16Array {
  const singles = new Uint32Array(values.buffer, values.byteOffset, values.length);
  const bits = new Uint16Array(values.length);
  for (let i = 0; i < bits.length; i++) {
    const single = singles[i]!;
    const sign = (single >>> 16) & 0x8000;
    const size = single & 0x7fffffff;
    if (size > 0x7f800000)
      bits[i] = sign | 0x7e00; // not a number
    else if (size >= 0x477ff000) bits[i] = sign | 0x7c00;
    else if (size >= 0x38800000) bits[i] = sign | ((size - 0x38000000 + 0xfff + ((size >>> 13) & 1)) >>> 13);
    else if (size > 0x33000000) {
      // Below the least normal half: a whole number of 2^-24.
      const shift = 126 - (size >>> 23);
      const mantissa = (size & 0x7fffff) | 0x800000;
      bits[i] = sign | ((mantissa + (1 << (shift - 1)) - 1 + ((mantissa >>> shift) & 1)) >>> shift);
    } else bits[i] = sign;
  }
  return bits;
}

/** Bits of the bfloat16 nearest to float32 values, ties to even. */
export function bfloat16BitsOf(values: Float32Array): Uint16Array {
  const singles = new Uint32Array(values.buffer, values.byteOffset, values.length);
  const bits = new Uint16Array(values.length);
  for (let i = 0; i < bits.length; i++) {
    const single = singles[i]!;
    bits[i] = (single & 0x7fffffff) > 0x7f800000 ? 0x7fc0 : (single + 0x7fff + ((single >>> 16) & 1)) >>> 16;
  }
  return bits;
}
