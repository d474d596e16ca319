/** Ids that nobody guesses. */
import { randomBytes } from 'node:crypto';

/** 80 random bits in letters and digits; never starts with a dash. */
export function randomId(): string {
  const alphabet = 'abcdefghijklmnopqrstuvwxyz234567';
  return Array.from(randomBytes(16), (byte) => alphabet[byte & 31]).join('');
}
