/** How results are judged: plain functions that depend on nothing of ours. */
export { accuracy, auc } from './classification.ts';
export { pearson, ranks, spearman } from './correlation.ts';
export {
  type BootstrapOptions,
  bootstrapInterval,
  type Interval,
  type IntervalOptions,
  type MedianInterval,
  medianInterval,
  normalQuantile,
  type PairedDifference,
  pairedBootstrap,
  wilson,
} from './intervals.ts';
export { distinctN, perplexity } from './language.ts';
export { seededRandom } from './random.ts';
export { mrr, type NdcgOptions, ndcg, type Ranking, recallAtK, reciprocalRank } from './ranking.ts';
export { cosine, mean, median, standardDeviation } from './summary.ts';
