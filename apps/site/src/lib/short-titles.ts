/** What a paper is called where there is little room. */
const given: Record<string, string> = {
  'ast-pruning': 'Adaptive Sparse Trainer',
  avsr: 'Audio-visual speech',
  'back-patching': 'Hopping Too Late',
  bct: 'Blockwise compression',
  'bridge-nlvr2': 'Bridge architectures',
  'cgec-survey': 'Chinese GEC, a survey',
  'compression-survey': 'Compression, a survey',
  'counting-tokenization': 'Counting and tokens',
  crate: 'White-box (CRATE)',
  'gec-prompting': 'Prompt Smarter',
  'icl-data-distributions': 'Data drives in-context',
  'long-context-survey': 'Long context, a survey',
  obert: 'Optimal BERT Surgeon',
  'patent-sdg': 'Patents to SDGs',
  'phishing-ccshap': 'Phishing, CC-SHAP',
  'radiology-deid': 'De-identification',
  'radiology-sae': 'Radiology SAE',
  'sdoh-extraction': 'Social determinants',
  'small-scale-proxies': 'Small-scale proxies',
  spikingbrain: 'SpikingBrain',
};

/** A paper's short name: the given one, else what its title says before a colon, else its slug as words. */
export function shortTitle(slug: string, title: string): string {
  if (Object.hasOwn(given, slug)) return given[slug]!;
  const name = /^([^:?]{1,24}):/.exec(title)?.[1];
  return name?.trim() ?? slug.replaceAll('-', ' ').replace(/^./, (letter) => letter.toUpperCase());
}
