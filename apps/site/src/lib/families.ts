/** What each family is about, in three sentences. */
export const familyTexts: Record<string, string> = {
  serving:
    'How a trained model answers faster, for less, on the machine that is there. Batching, caching, offloading, sparse and linear attention, and hardware made for it. Claims here are times, memory and money, so the setting matters more than anywhere.',
  'long-context':
    'How a model reads and writes past the length it was trained for. Positions that stretch, windows that slide, memories that summarise. Perplexity is not recall: papers here claim both.',
  compression:
    'How a model becomes smaller and stays nearly as good. Pruning, quantisation, distillation. The honest question is what is lost at the same number of bytes.',
  training:
    'How training stays stable, private, cheap or small enough to study. Schedules, losses, adapters and the data itself. Much of what is claimed at scale can be seen in small models first.',
  interpretability:
    'What happens inside, and whether it can be read or steered. Directions, features, circuits and the ways models count, lie or hallucinate. A picture is not evidence until an intervention agrees.',
  language:
    'What models do with text: correct it, classify it, search it, ask about it. Many of these papers compare prompts with training on a task of their own. Scores travel badly between data sets.',
  vision:
    'Images, video and speech through transformers. Backbones, dual encoders and models that see and speak. Most of it scales down to pictures that a laptop can learn from.',
  science:
    'Molecules, proteins, cells and other worlds with a grammar. The models are those of language; the data are not. Splits that leak are the commonest reason why a result does not hold.',
};
