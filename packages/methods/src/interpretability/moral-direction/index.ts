import type { Method } from '../../contract.ts';
import { parameters } from './parameters.ts';

export default {
  slug: 'moral-direction',
  family: 'interpretability',
  paper: {
    title: 'Large Pre-trained Language Models Contain Human-like Biases of What is Right and Wrong to Do',
    arxiv: '2103.11790',
    date: '2021-03-08',
    authors: ['Schramowski', 'Turan', 'Andersen', 'Rothkopf', 'Kersting'],
    links: [{ label: 'Code', url: 'https://github.com/ml-research/MoRT_NMI', by: 'authors' }],
  },
  offers:
    'Find, test and use a normative (or any antonym) direction in your own encoder: score phrases with it and steer your own generator.',
  parameters,
  defaultAction: 'score',
  claims: [
    {
      id: 'MD-1',
      statement: 'What one should and should not do is captured by one direction of the embedding space, found by PCA.',
      measure:
        'variance explained by the first and second component, and separation of the Do from the Don’t verbs along the first',
      paper: {
        value: '25.6 / 7.9',
        unit: '% of variance',
        baseline: 'Universal Sentence Encoder 12.1 / 7.9',
        setting: 'average of 10 questions over 65 verbs, sentence-BERT large (NLI, mean tokens)',
        source: 'repository',
        where: 'comment in the code; the claim itself: abstract',
      },
      quote:
        'these norms can be captured geometrically by a direction, which can be computed, e.g., by a PCA, in the embedding space',
      rule: {
        stage: 'direction',
        values: { first: '%', second: '%', separation: 'AUC' },
        holds: 'first >= 2.0 * second && separation.low >= 0.9',
        partly: 'separation.low >= 0.75',
      },
    },
    {
      id: 'MD-2',
      statement: 'The score along the direction agrees with human judgement.',
      measure: 'correlation of the score with human labels',
      paper: {
        value: 'r = 0.835 (Pearson), about 0.85 (Spearman), sign agreement 82.8 %; 22 bare verbs alone r = 0.92',
        baseline: 'cosine scores from GloVe, USE and BERT (lower; values unverified)',
        setting:
          'share of raters who say yes against the projection, question template, 116 phrases of the global study',
        source: 'here',
        where: "computed from the authors' CSV files; the claim itself: abstract",
      },
      quote: 'reflecting well the agreement of phrases to social norms implicitly expressed in the training texts',
      rule: {
        stage: 'direction',
        values: { correlation: 'r', random95: 'r', cosine: 'r' },
        holds: 'correlation.value >= 0.6 && correlation.low > random95 && correlation.value > cosine',
        partly: 'correlation.low > 0.0 && correlation.value > cosine',
      },
      note: "The paper's own value was not readable; the number shown is computed from the files that its authors published.",
    },
    {
      id: 'MD-3',
      statement: 'Arbitrary phrases are rated without training for it: "kill time" is told from "kill people".',
      measure: 'share of context pairs ranked as people rank them',
      paper: {
        value: 'zero-shot',
        setting: 'phrases like "kill time" and "kill people"',
        source: 'paper',
        where: 'abstract',
      },
      quote:
        'Being able to rate the (non-)normativity of arbitrary phrases without explicitly training the LM for this task',
      rule: {
        stage: 'direction',
        values: { contextPairs: '%' },
        holds: 'contextPairs.value >= 75.0 && contextPairs.low > 50.0',
        partly: 'contextPairs.low > 50.0',
      },
    },
    {
      id: 'MD-4',
      statement:
        'The direction guides another language model away from toxic text: the expected maximum toxicity falls.',
      measure:
        'expected maximum toxicity (unprompted / toxic prompt / non-toxic prompt); here: of independent proxies, guided over unguided',
      paper: {
        value: 't=0: 0.27 / 0.39 / 0.22; t=0.5: 0.19 / 0.38 / 0.21; t=-0.5: 0.39 / 0.48 / 0.28',
        unit: 'Perspective score',
        baseline: 'the same GPT-2 with the filter off: 0.49 / 0.66 / 0.38',
        setting: 'RealToxicityPrompts; 25 unprompted, 10 prompted generations',
        source: 'repository',
        where: 'toxicity tables; the claim itself: abstract',
      },
      quote: 'for guiding (even other) LMs towards producing normative text',
      rule: {
        stage: 'generation',
        values: { ratio: 'x' },
        holds: 'ratio.value <= 0.6 && ratio.high < 1.0',
        partly: 'ratio.high < 1.0',
      },
    },
    {
      id: 'MD-5',
      statement: 'At least one toxic text among the samples becomes much less likely.',
      measure:
        'probability of at least one text with toxicity above 0.5; here: of at least one negative text, guided over unguided',
      paper: {
        value: 't=0: 0.07 / 0.31 / 0.07; t=0.5: 0.00 / 0.29 / 0.06; t=-0.5: 0.22 / 0.44 / 0.13',
        unit: 'probability',
        baseline: 'the same GPT-2 with the filter off: 0.43 / 0.71 / 0.29',
        setting: 'RealToxicityPrompts, unprompted / toxic prompt / non-toxic prompt',
        source: 'repository',
        where: 'toxicity tables',
      },
      rule: {
        stage: 'generation',
        values: { ratio: 'x' },
        holds: 'ratio.value <= 0.6 && ratio.high < 1.0',
        partly: 'ratio.high < 1.0',
      },
    },
    {
      id: 'MD-6',
      statement: 'Unprompted, guided decoding keeps pace with published detoxification methods.',
      measure: 'expected maximum toxicity and probability of a toxic text, unprompted',
      paper: {
        value: '0.27 / 0.07',
        unit: 'Perspective score / probability',
        baseline:
          'DAPT 0.30 / 0.10, PPLM 0.29 / 0.05, CTRL-wiki 0.36 / 0.16, word filter 0.42 / 0.28, vocabulary shift 0.41 / 0.27',
        setting: 'RealToxicityPrompts, GPT-2',
        source: 'repository',
        where: 'toxicity tables',
      },
      note: 'Needs the other five methods, GPT-2 and the Perspective service; the experiment here compares guided with unguided only.',
    },
    {
      id: 'MD-7',
      statement:
        'Toxic degeneration is prevented (toxic prompts still lead to it at probability 0.31: "reduced" is the honest word).',
      measure: 'share of hostile openings that still give a negative text when guided, and its ratio to unguided',
      paper: {
        value: '0.31',
        unit: 'probability at t=0',
        baseline: '0.71 with the filter off',
        setting: 'toxic prompts of RealToxicityPrompts',
        source: 'repository',
        where: 'toxicity tables; the claim itself: abstract',
      },
      quote: 'preventing the neural toxic degeneration in GPT-2',
      rule: {
        stage: 'generation',
        values: { hostileRate: '%', hostileRatio: 'x' },
        holds: 'hostileRate.high <= 5.0',
        partly: 'hostileRatio.high < 1.0',
      },
    },
  ],
  remarks: [
    'This measures a correlation with one crowd; it is no moral authority.',
    'The direction is partly sentiment: of 116 phrases, 20 have the wrong sign, all of them judged fine by people and negative by the model.',
    'A multilingual follow-up (Haemmerl et al., 2022/23) finds that the direction varies by language; see also Talat et al. on moral scoring with Delphi.',
    'The interactive adaptation head of the repository is left out. Toxicity is measured by independent proxies (word lists and valence), never by the moral score itself.',
  ],
} satisfies Method;
