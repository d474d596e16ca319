import type { Method } from '../../contract.ts';

export default {
  slug: 'attention-offloading',
  family: 'serving',
  paper: {
    title: 'Efficient and Economic Large Language Model Inference with Attention Offloading',
    arxiv: '2405.01814',
    date: '2024-05-02',
    authors: [],
  },
  offers:
    'Split any decoder at its attention, run the pieces in different processes, devices or machines, and plan what hardware to rent.',
  claims: [
    {
      id: 'OFF-1',
      statement:
        'Offloading attention to cheap, memory-optimised devices gives more throughput per dollar than homogeneous serving.',
      measure: 'estimated throughput per dollar',
      paper: {
        value: '1.48-12.1',
        unit: 'x',
        baseline: 'homogeneous solutions',
        setting: 'Lamina, decoding only (version 1 of the paper)',
        source: 'paper',
        where: 'abstract',
      },
      quote: 'Lamina can provide 1.48x-12.1x higher estimated throughput per dollar than homogeneous solutions',
    },
    {
      id: 'OFF-2',
      statement: 'Splitting the attention computation over several devices is viable.',
      measure: 'whether attention split over devices gives the same result at a usable speed',
      paper: { value: 'viable', setting: 'analysis and experiments', source: 'paper', where: 'abstract' },
      quote: 'confirm the viability of splitting the attention computation over multiple devices',
    },
    {
      id: 'OFF-3',
      statement: 'The bandwidth needed between the devices is within reach of common networks.',
      measure: 'needed link bandwidth',
      paper: { value: 'manageable', baseline: 'prevalent networking technologies', source: 'paper', where: 'abstract' },
      quote:
        'the communication bandwidth required between heterogeneous devices proves to be manageable with prevalent networking technologies',
    },
    {
      id: 'OFF-4',
      statement: "At about equal cost, throughput is 16 to 90 per cent above vLLM's on homogeneous GPUs.",
      measure: 'decoding throughput at about equal cost',
      paper: {
        value: '+16.1 to +90.1',
        unit: '%',
        baseline: 'vLLM (prefill removed) on H100s',
        setting:
          'LLaMA-33B: 1 H100 + 2 H20 ($20.32/h) against 2 H100 ($22.12/h); 65B and LLaMA3-70B: 2 + 4 ($40.64) against 4 ($44.24)',
        source: 'paper',
        where: 'version 2',
      },
    },
    {
      id: 'OFF-5',
      statement: 'LLaMA3-70B with 20 % slow-down needs less than 30 GB/s up to a batch of 300.',
      measure: 'needed link bandwidth',
      paper: {
        value: '< 30',
        unit: 'GB/s',
        baseline: '400 Gb/s = 50 GB/s',
        setting: 'LLaMA3-70B at 20 % slow-down, up to batch 300, H100 + H20',
        source: 'paper',
        where: 'version 2',
      },
    },
    {
      id: 'OFF-6',
      statement: 'Batches are 2.39 times larger on average; latency per token rises.',
      measure: 'average batch size',
      paper: {
        value: '2.39',
        unit: 'x',
        baseline: 'vLLM',
        setting: 'the runs of OFF-4',
        source: 'paper',
        where: 'version 2',
      },
    },
    {
      id: 'OFF-7',
      statement: 'Attention uses more than 70 % of the memory bandwidth even at a batch of 20.',
      measure: 'share of memory bandwidth that attention uses',
      paper: {
        value: '> 70',
        unit: '%',
        setting: 'measured, even at batch 20, on H20 as well',
        source: 'paper',
        where: 'version 2',
      },
    },
    {
      id: 'OFF-8',
      statement: 'The work outside attention uses less than 20 % of the compute below a batch of 100.',
      measure: 'share of compute that non-attention work uses',
      paper: {
        value: '< 20',
        unit: '%',
        setting: 'below batch 100; H100, LLaMA3-70B',
        source: 'paper',
        where: 'version 2',
      },
    },
    {
      id: 'OFF-9',
      statement: 'Sending queries first and overlapping shortens a decoding step by up to 13.2 %.',
      measure: 'reduction of step time',
      paper: {
        value: 'up to 13.2 % (65B), 3.5 % (70B, 8 query groups)',
        baseline: 'overlap off',
        setting: 'context 4096',
        source: 'paper',
        where: 'version 2',
      },
    },
    {
      id: 'OFF-10',
      statement: 'A host-bypassed network halves the latency of a ping-pong and raises the peak bandwidth.',
      measure: 'ping-pong latency and peak bandwidth',
      paper: {
        value: '33.0 us, 45.7 GB/s',
        baseline: 'NCCL 66.6 us, 35.5 GB/s',
        setting: 'host-bypassed network',
        source: 'paper',
        where: 'version 2',
      },
      note: 'Needs two machines with network cards that bypass the host; nothing of it can be measured on one machine.',
    },
  ],
  remarks: [
    'Version 1 (on this shelf; estimated, per dollar) and version 2 (throughput at similar cost, retitled "Efficient Heterogeneous LLM Decoding with Model-Attention Disaggregation") measure different things and are not mixed here.',
    'Each layer needs a round trip (80 layers at 66 us are 5.3 ms a step with NCCL); grouped-query and latent attention shrink the benefit; latency rises with the batch.',
    'Later work: Infinite-LLM, FastDecode, NEO, InstInfer, Adrenaline, MegaScale-Infer, Step-3. No public code of Lamina is known.',
  ],
} satisfies Method;
