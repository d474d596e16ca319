import type { Method } from '../../contract.ts';
import { parameters } from './parameters.ts';

export default {
  slug: 'small-scale-proxies',
  family: 'training',
  paper: {
    title: 'Small-scale proxies for large-scale Transformer training instabilities',
    arxiv: '2309.14322',
    date: '2023-09-25',
    authors: [],
  },
  offers:
    'Scan learning rates and sizes of your own model for the instabilities that large ones meet, and predict the next size.',
  parameters,
  defaultAction: 'scan',
  claims: [
    {
      id: 'A1',
      statement:
        'The growth of attention logits and the divergence of output logits appear in small models at high learning rates.',
      measure: 'largest attention logit and output log-normaliser against learning rate',
      paper: {
        value: 'both appear',
        baseline: 'the same model at a lower rate',
        setting: 'small models at high learning rate',
        source: 'paper',
        where: 'abstract',
      },
      quote: 'these instabilities also appear in small models when training at high learning rates',
      rule: {
        stage: 'interventions',
        values: { logits: 'x', cost: 'nats', logZ: 'nats' },
        holds: 'logits.low >= 10.0 && cost.low > 0.1 && logZ.low > 0.0',
        partly: 'logits.low >= 10.0 && cost.low > 0.1',
      },
    },
    {
      id: 'A2',
      statement: 'What helps large models (qk-layernorm, z-loss) helps small ones as well.',
      measure: 'learning-rate sensitivity with and without the mitigation',
      paper: {
        value: 'equally effective',
        baseline: 'no mitigation',
        setting: 'learning rate against loss across sizes',
        source: 'paper',
        where: 'abstract',
      },
      quote: 'mitigations previously employed at large scales are equally effective in this regime',
      rule: {
        stage: 'interventions',
        values: { qkNorm: 'nats', zLoss: 'nats' },
        holds: 'qkNorm.low > 0.0 && zLoss.low > 0.0',
        partly: 'qkNorm.low > 0.0 || zLoss.low > 0.0',
      },
    },
    {
      id: 'A3',
      statement: 'Combined, the techniques give similar losses over orders of magnitude of learning rate.',
      measure: 'final loss against learning rate',
      paper: {
        value: 'similar losses across orders of magnitude',
        baseline: 'single default',
        setting: 'small models',
        source: 'paper',
        where: 'abstract',
      },
      quote:
        'combine techniques to train small models that achieve similar losses across orders of magnitude of learning rate variation',
      rule: {
        stage: 'interventions',
        values: { combined: 'decades', plain: 'decades' },
        holds: 'combined.low >= 2.0 && combined.low > plain.high',
        partly: 'combined.low >= 1.0 && combined.low > plain.high',
      },
    },
    {
      id: 'A4',
      statement: 'Warm-up, weight decay and muParam each change the sensitivity to the learning rate.',
      measure: 'learning-rate sensitivity by intervention',
      paper: {
        value: 'each changes it (directions in P3 to P5)',
        baseline: 'default recipe',
        setting: 'learning-rate sweep',
        source: 'paper',
        where: 'abstract',
      },
      quote: 'we study methods such as warm-up, weight decay, and the muParam (Yang et al., 2022)',
      rule: {
        stage: 'interventions',
        values: { warmUp: 'nats', decay: 'nats', mup: 'nats' },
        holds:
          '(warmUp.low > 0.0 || warmUp.high < 0.0) && (decay.low > 0.0 || decay.high < 0.0) && (mup.low > 0.0 || mup.high < 0.0)',
        partly:
          'warmUp.low > 0.0 || warmUp.high < 0.0 || decay.low > 0.0 || decay.high < 0.0 || mup.low > 0.0 || mup.high < 0.0',
      },
    },
    {
      id: 'A5',
      statement:
        'Two instabilities can be predicted before they appear, from the scaling of activation and gradient norms.',
      measure: 'predicted and seen onset at a larger size',
      paper: { value: '2 cases', setting: 'extrapolation from smaller models', source: 'paper', where: 'abstract' },
      quote:
        'we study two cases where instabilities can be predicted before they emerge by examining the scaling behavior of model activation and gradient norms',
      rule: {
        stage: 'prediction',
        values: { right: 'of the learning rates', logits: 'decades', gradients: 'decades' },
        holds: 'right.low >= 1.0 && logits.high <= 0.5 && gradients.high <= 0.3',
        partly: 'right.low >= 1.0 || gradients.high <= 0.3',
      },
    },
    {
      id: 'P1',
      statement: 'qk-layernorm lowers the sensitivity at every size.',
      measure: 'learning-rate sensitivity',
      paper: {
        value: 'lower at every size; stable band about 10 times wider at the largest proxy',
        baseline: 'no qk-layernorm',
        setting: 'about 10M to 1.2B parameters',
        source: 'third party',
        unverified: true,
      },
      rule: {
        stage: 'fan',
        values: { all1: 'nats', all2: 'nats', all3: 'nats', high1: 'nats', high2: 'nats', high3: 'nats', band: 'x' },
        holds:
          'all1.low > 0.0 && all2.low > 0.0 && all3.low > 0.0 && high1.low > 0.0 && high2.low > 0.0 && high3.low > 0.0 && band.low >= 3.0',
        partly: 'high1.low > 0.0 && high2.low > 0.0 && high3.low > 0.0',
      },
    },
    {
      id: 'P2',
      statement: 'A 4.8B model without qk-layernorm diverges as predicted.',
      measure: 'divergence of the predicted model',
      paper: {
        value: 'diverges as predicted from the largest logit',
        baseline: 'smaller runs',
        setting: '4.8B parameters, learning rate 1e-2, C4',
        source: 'third party',
        unverified: true,
      },
      note: 'Not tested: 4.8 billion parameters are beyond this machine. The same prediction at a size that it can train is A5.',
    },
    {
      id: 'P3',
      statement: 'A longer warm-up lowers sensitivity and loss.',
      measure: 'sensitivity and loss',
      paper: { value: 'lower', baseline: '5k of 100k steps', source: 'recalled', unverified: true },
      rule: {
        stage: 'interventions',
        values: { long: 'nats', short: 'nats', loss: 'nats' },
        holds: 'long.low > 0.0 && short.low > 0.0 && loss.low > 0.0',
        partly: 'long.low > 0.0 || short.low > 0.0',
      },
    },
    {
      id: 'P4',
      statement: 'Weight decay that does not depend on the learning rate lowers sensitivity.',
      measure: 'learning-rate sensitivity',
      paper: {
        value: 'lower',
        baseline: 'decay coupled to the rate (PyTorch AdamW)',
        source: 'recalled',
        unverified: true,
      },
      rule: { stage: 'interventions', values: { gain: 'nats' }, holds: 'gain.low > 0.0' },
    },
    {
      id: 'P5',
      statement: 'muParam keeps the best rate stable across widths but lowers neither sensitivity nor loss.',
      measure: 'best rate across widths, sensitivity, loss',
      paper: {
        value: 'stable best rate; no lower sensitivity or loss',
        baseline: 'standard parameterisation',
        source: 'recalled',
        unverified: true,
      },
      rule: {
        stage: 'interventions',
        values: { shift: 'decades', mupShift: 'decades', sensitivity: 'nats', loss: 'nats' },
        holds: 'mupShift.high < shift.low && sensitivity.low <= 0.0 && loss.low <= 0.0',
        partly: 'mupShift.high < shift.low',
      },
    },
    {
      id: 'P6',
      statement: 'Depth raises sensitivity faster than width.',
      measure: 'sensitivity by depth and width',
      paper: { value: 'depth faster than width', source: 'recalled', unverified: true },
      rule: {
        stage: 'interventions',
        values: { depth: 'nats', width: 'nats' },
        holds: 'depth.low > width.high',
        partly: 'depth.value > width.value',
      },
    },
    {
      id: 'P7',
      statement: "AdamW's ε of 1e-8 becomes too large as gradients shrink with scale; 1e-15 repairs it.",
      measure: 'loss by ε',
      paper: {
        value: '1e-15 repairs, 1e-6 breaks smaller models',
        baseline: 'ε = 1e-8',
        setting: 'largest model, learning rate 0.3',
        source: 'recalled',
        unverified: true,
      },
      rule: {
        stage: 'interventions',
        values: { finer: 'nats', coarser: 'nats', margin: 'x' },
        holds: 'finer.low > 0.01 && coarser.low > 0.01 && margin.low > 0.0',
        partly: 'finer.low > 0.01 || coarser.low > 0.01',
      },
    },
  ],
  remarks: [
    'The statistic depends on the range of rates, number of points and steps: only comparisons within one scan are honest.',
    'This is slow divergence, not loss spikes. qk-layernorm comes from ViT-22B (Dehghani et al. 2023), z-loss from PaLM (Chowdhery et al. 2022); see also 2410.16682 and 2303.06296.',
  ],
} satisfies Method;
