import type { Method } from '../../contract.ts';

export default {
  slug: 'radiology-sae',
  family: 'interpretability',
  paper: {
    title: 'Insights into a radiology-specialised multimodal large language model with sparse autoencoders',
    arxiv: '2507.12950',
    date: '2025-07-17',
    authors: ['Bouzid', 'Bannur', 'Meissen', 'Castro', 'Schwaighofer', 'Alvarez-Valle', 'Hyland'],
    links: [
      { label: 'Trained SAEs and interpretations', url: 'https://huggingface.co/microsoft/maira-2-sae', by: 'authors' },
    ],
  },
  offers: 'Train, label, score and steer a sparse dictionary on any layer of your own model.',
  claims: [
    {
      id: 'RS-1',
      statement:
        'Clinically relevant features exist in the model: devices, pathologies, change over time, textual features.',
      measure: 'features that match a known concept',
      paper: {
        value: 'found (qualitative, with interpretation scores)',
        setting: 'MAIRA-2 (RAD-DINO image encoder + 7B language model, width 4096), output of layer 15',
        source: 'paper',
        where: 'abstract',
      },
      quote: 'we identify a range of clinically relevant concepts',
    },
    {
      id: 'RS-2',
      statement: 'Interpretation is automatic and large-scale.',
      measure: 'share of features explained and scored',
      paper: {
        value: 'every feature of the expansion 2 and 4 dictionaries',
        baseline: 'manual reading',
        setting: 'detection scoring',
        source: 'repository',
        where: 'model card; the claim itself: abstract',
      },
      quote: 'Using large-scale automated interpretability of the SAE features',
    },
    {
      id: 'RS-3',
      statement: 'Steering gives directional control of generated reports, with mixed success.',
      measure: 'share of features whose steering changes reports as intended',
      paper: {
        value: 'mixed success: works for some features only',
        baseline: 'unsteered generation',
        setting: 'feature direction added during generation',
        source: 'paper',
        where: 'abstract',
      },
      quote: 'demonstrating directional control over generations with mixed success',
    },
    {
      id: 'RS-4',
      statement: 'Practical and methodological challenges remain.',
      measure: 'off-target effects and features hard to interpret',
      paper: { value: 'qualitative', source: 'paper', where: 'abstract' },
      quote: 'Our results reveal practical and methodological challenges',
    },
    {
      id: 'RS-5',
      statement: 'The dictionaries and their interpretations are released.',
      measure: 'what is released',
      paper: {
        value: 'expansion 2, 4 (main, 16,384 features) and 8; MIT licence',
        source: 'repository',
        where: 'model card; the claim itself: abstract',
      },
      quote: 'We release the trained SAEs and interpretations',
      note: 'A release, not a measurement.',
    },
    {
      id: 'RS-6',
      statement: 'The dictionary is a Matryoshka BatchTopK with a linear decoder and nested groups.',
      measure: 'reconstruction and sparsity of nested groups',
      paper: {
        value: 'group fractions 1/2, 1/4, 1/8, 1/16, 1/16',
        baseline: 'plain TopK',
        setting: 'trained on text-position tokens; the number of active features is unverified',
        source: 'third party',
        unverified: true,
      },
    },
  ],
  remarks: [
    'Synthetic reports, no patient data, no medical device. MIMIC-CXR and the MAIRA-2 weights are access-gated.',
    'Dictionaries of random networks score well on automatic interpretation, so an untrained baseline belongs beside every score; features chosen after the fact need a held-out half.',
    'The page counts 6 authors, a listing of the paper shows these 7.',
  ],
} satisfies Method;
