import type { Method } from '../../contract.ts';

export default {
  slug: 'protein-fusion',
  family: 'science',
  paper: {
    title: 'Bidirectional Hierarchical Protein Multi-Modal Representation Learning',
    arxiv: '2504.04770',
    date: '2025-04-07',
    authors: ['Liu', 'Jiang', 'Tien', 'Xu', 'Stevens'],
  },
  offers:
    'Join sequence and structure for your proteins, train a predictor for residues or whole proteins, and see which of the two each prediction leaned on.',
  claims: [
    {
      id: 'P1',
      statement: 'Quality improves consistently over five tasks.',
      measure: 'scores on five tasks',
      paper: {
        value: 'consistent improvements, new best (values not established)',
        baseline: 'strong baselines and existing fusion techniques',
        setting: 'enzyme classification, model quality, ligand affinity, protein binding sites, B-cell epitopes',
        source: 'paper',
        where: 'abstract',
      },
      quote:
        'Our method demonstrates consistent improvements over strong baselines and existing fusion techniques in a variety of protein representation learning benchmarks',
    },
    {
      id: 'P2',
      statement: 'Bidirectional, hierarchical fusion beats serial fusion.',
      measure: 'scores by kind of fusion',
      paper: {
        value: 'better',
        baseline: 'serial: language-model output fed into a graph net once',
        source: 'paper',
        where: 'abstract',
      },
      quote:
        'This bidirectional and hierarchical (Bi-Hierarchical) fusion approach leverages the strengths of both modalities',
    },
    {
      id: 'P3',
      statement: 'A local form with gates and a global form with self-attention both work.',
      measure: 'scores of both forms',
      paper: {
        value: 'both proposed (which wins where is not established)',
        baseline: 'each other',
        source: 'paper',
        where: 'abstract',
      },
      quote:
        'we further introduce local Bi-Hierarchical Fusion with gating and global Bi-Hierarchical Fusion with multihead self-attention approaches',
    },
    {
      id: 'P4',
      statement: 'Sequence and structure complement each other.',
      measure: 'scores of the fusion and of each branch',
      paper: { value: 'fusion beats either', baseline: 'single branches', source: 'paper', where: 'abstract' },
      quote: 'sequence and structural representations are complementary perspectives of the same protein entity',
    },
  ],
  remarks: [
    'Serial fusion (Wu et al., 2212.03447) already reports an overall 20 % gain. Gains over a large structure-aware language model (SaProt, ESM-3) are untested in the abstract.',
    'Chains must be split by sequence identity. Gate weights are no importances when the two projections differ in scale. No official code was found.',
  ],
} satisfies Method;
