import { checkCutoff, checkNumbers } from './checks.ts';
import { mean } from './summary.ts';

/** exp of the mean negative log-likelihood (natural logarithm) of the scored tokens. */
export function perplexity(nll: ArrayLike<number>): number {
  checkNumbers('perplexity', nll);
  return Math.exp(mean(nll));
}

/**
 * Distinct n-grams over all n-grams of the texts (Li et al., 2016): 1 where nothing repeats. N-grams do not cross from
 * one text to the next. NaN where no text is `n` tokens long.
 */
export function distinctN(texts: readonly (readonly (string | number)[])[], n: number): number {
  checkCutoff('distinctN', n);
  const seen = new Set<string>();
  let total = 0;
  for (const tokens of texts) {
    for (let i = 0; i + n <= tokens.length; i++) {
      seen.add(JSON.stringify(tokens.slice(i, i + n)));
      total += 1;
    }
  }
  return seen.size / total;
}
