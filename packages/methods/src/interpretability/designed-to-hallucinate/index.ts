import type { Method } from '../../contract.ts';

export default {
  slug: 'designed-to-hallucinate',
  family: 'interpretability',
  paper: {
    title: 'How Large Language Models are Designed to Hallucinate',
    arxiv: '2509.16297',
    date: '2025-09-19',
    authors: ['Ackermann', 'Emanuilov'],
  },
  offers: 'Know where your model makes things up, and wrap it so that it withholds instead.',
  claims: [
    {
      id: 'DH-1',
      statement:
        'Hallucination is structural: transformers must continue fluently; it is not a matter of data, context or optimisation.',
      measure: 'made-up answers on facts that data, context and optimisation could not miss',
      paper: {
        value: 'argument',
        baseline: 'three prevailing accounts',
        setting: 'all transformers',
        source: 'paper',
        where: 'abstract',
      },
      quote: 'hallucination is a structural outcome of the transformer architecture',
    },
    {
      id: 'DH-2',
      statement: 'Ontological hallucination arises where the continuation would need access to beings in the world.',
      measure: 'made-up answers by category',
      paper: {
        value: 'case studies',
        setting: 'categories after Heidegger: temporality, mood, care, disclosure; the full list was not seen',
        source: 'paper',
        where: 'abstract',
      },
      quote: 'ontological hallucination, arising when continuations require disclosure of beings in world',
    },
    {
      id: 'DH-3',
      statement: 'Residual-reasoning hallucination recycles traces of human inference.',
      measure: 'answers to altered twins of familiar puzzles',
      paper: { value: 'case studies', baseline: 'real inference', source: 'paper', where: 'abstract' },
      quote: 'models mimic inference by recycling traces of human reasoning in text',
    },
    {
      id: 'DH-4',
      statement: 'Simulated "self-preservation" emerges under extended prompts.',
      measure: 'rate by length of the prompt',
      paper: {
        value: 'emerges in twelve models (rates not seen)',
        baseline: 'short prompts',
        setting: 'prompt experiment',
        source: 'paper',
        where: 'abstract',
      },
      quote:
        'an experiment across twelve LLMs showing how simulated "self-preservation" emerges under extended prompts',
    },
    {
      id: 'DH-5',
      statement: 'The taxonomy predicts where hallucination happens; benchmarks are proposed.',
      measure: 'made-up answers by category of the taxonomy',
      paper: { value: 'proposed, not measured', source: 'paper', where: 'abstract' },
      quote: 'a predictive taxonomy of hallucination linked to existential structures with proposed benchmarks',
    },
    {
      id: 'DH-6',
      statement: 'Scaffolding such as retrieval masks hallucination but never resolves it.',
      measure: 'made-up answers with and without scaffolding',
      paper: { value: 'argument', source: 'paper', where: 'abstract' },
      quote: 'an outcome scaffolding can mask but never resolve',
    },
    {
      id: 'DH-7',
      statement: '"Truth-constrained" models that withhold or defer are the way.',
      measure: 'false answers, withheld answers and accuracy with a gate',
      paper: {
        value:
          'sketch; later preprints of the authors report false-answer rate 0.0 on non-existent entities, abstention precision 1.0, accuracy 89.1 % (second-hand, 2511.06073)',
        baseline: 'always-answer decoding',
        source: 'paper',
        where: 'abstract',
      },
      quote:
        'design directions toward "truth-constrained" architectures capable of withholding or deferring when disclosure is absent',
    },
    {
      id: 'DH-8',
      statement: 'The models are few, the prompts controlled, and scaffolding confounds.',
      measure: 'stated limits',
      paper: { value: 'acknowledged', source: 'third party', where: 'summary page' },
      note: 'A stated limit of the paper, not a claim that can be tested.',
    },
  ],
  remarks: [
    "A weakly cited preprint whose empirical support is largely the authors' own. Stronger on the same question: Xu et al. (2401.11817), Suzuki et al. (2502.12187), Kalai et al. (2509.04664).",
    '"Self-preservation" is imitation of text, as the paper itself argues. The taxonomy\'s rows, prompts and scores used here are an operational reading of our own.',
  ],
} satisfies Method;
