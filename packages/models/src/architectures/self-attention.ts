import { cachedAttention, denseAttention } from './attention.ts';
import type { Attention } from './parts.ts';
import { slotAttention } from './slot-attention.ts';

/** Over slots where there are some; the fused kernel over a cache where there is one; plain operations otherwise. */
export const selfAttention: Attention = (input) =>
  (input.slots ? slotAttention : input.cache ? cachedAttention : denseAttention)(input);
