import type { Method } from '../../contract.ts';

export default {
  slug: 'arabiangpt',
  family: 'training',
  paper: {
    title: 'ArabianGPT: Native Arabic GPT-based Large Language Model',
    arxiv: '2402.15313',
    date: '2024-02-23',
    authors: [],
    links: [{ label: 'AraNizer', url: 'https://github.com/riotu-lab/aranizer', by: 'authors' }],
  },
  offers:
    'Train a tokenizer on your own language, compare it with others on your text, pre-train a small model with it and fine-tune that.',
  claims: [
    {
      id: 'A1',
      statement: 'Fine-tuned on sentiment, the 0.1B model reaches 95 % accuracy.',
      measure: 'sentiment accuracy',
      paper: {
        value: '95',
        unit: '%',
        baseline: '56 for the base model (no fine-tuning)',
        setting: 'ArabianGPT-0.1B',
        source: 'paper',
        where: 'abstract',
      },
      quote:
        "the fine-tuned ArabianGPT-0.1B model achieved a remarkable accuracy of 95%, a substantial increase from the base model's 56%",
    },
    {
      id: 'A2',
      statement: 'Fine-tuned models summarise with higher F1.',
      measure: 'summarisation F1',
      paper: {
        value: 'higher (number not in the abstract)',
        baseline: 'base version',
        setting: 'fine-tuned models',
        source: 'paper',
        where: 'abstract',
      },
      quote: 'in summarization tasks, fine-tuned models showed enhanced F1 scores',
    },
    {
      id: 'A3',
      statement:
        'Fine-tuning helps some tasks, such as question answering; over many benchmarks the differences are nuanced.',
      measure: 'scores of fine-tuned and base models',
      paper: {
        value: 'positive on some tasks, nuanced on others',
        baseline: 'base versions',
        source: 'paper',
        where: 'abstract',
      },
      quote:
        'reveals nuanced differences in performance, with fine-tuning positively impacting specific tasks like question answering and summarization',
    },
    {
      id: 'A4',
      statement: 'A native tokenizer handles Arabic script and morphology more accurately.',
      measure: 'tokens per word, share of whole words, bits per character',
      paper: {
        value: 'more accurate handling',
        baseline: 'tokenizers with English tokens',
        source: 'paper',
        where: 'abstract',
      },
      quote: 'addresses the unique morphological aspects of Arabic script, ensuring more accurate text processing',
    },
    {
      id: 'A5',
      statement: 'The suite has models of 0.1B and 0.3B parameters.',
      measure: 'models',
      paper: { value: '0.1B and 0.3B', setting: 'ArabianLLM suite', source: 'paper', where: 'abstract' },
      quote: 'These models, including ArabianGPT-0.1B and ArabianGPT-0.3B',
    },
    {
      id: 'P1',
      statement: 'The 0.1B model is a GPT-2 of 134M parameters trained on a news corpus for 3 days.',
      measure: 'facts of the 0.1B model',
      paper: {
        value:
          'GPT-2, 134M parameters, 12 layers, context 768; Abu El-Khair news corpus, 15.5 GB, 237.8M words, > 1.75B tokens; A100, 3 days; final loss 3.97',
        setting: 'pre-training',
        source: 'repository',
        where: 'model card',
      },
    },
    {
      id: 'P2',
      statement: 'The 0.3B model has 24 layers, a context of 1024 and a final loss of 3.82.',
      measure: 'facts of the 0.3B model',
      paper: {
        value: 'about 345M parameters, 24 layers, context 1024, final loss 3.82',
        setting: 'pre-training',
        source: 'recalled',
        unverified: true,
      },
    },
    {
      id: 'P3',
      statement: 'AraNizer comes as SentencePiece and BPE with vocabularies from 32k to 86k.',
      measure: 'tokenizers released',
      paper: {
        value: 'SentencePiece and BPE, 32k / 50k / 64k / 86k',
        source: 'repository',
        where: 'README of the tokenizer',
      },
    },
    {
      id: 'P4',
      statement:
        'A later tokenizer of another group (AraToken) needs 1.199 tokens a word, 18 % fewer than without normalisation.',
      measure: 'tokens per word',
      paper: {
        value: '1.199',
        unit: 'tokens/word',
        baseline: '1.35 without normalisation',
        setting: 'BPE, WordPiece, SentencePiece with a normalisation pipeline',
        source: 'third party',
        where: 'arXiv 2512.18399',
      },
    },
  ],
  remarks: [
    '56 to 95 compares fine-tuned with untuned; the abstract has no multilingual or AraBERT-class baseline.',
    "The model card's values do not fit together: 1.75B tokens over 237.8M words are 7.4 tokens a word. 134M parameters fit a 64k vocabulary.",
    'Newer tokenizers of the o200k class closed most of the Arabic gap; few tokens a word is not quality.',
  ],
} satisfies Method;
