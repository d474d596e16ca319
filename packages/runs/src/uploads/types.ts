/** Files that a reader brought to the instance, under an id of ours: `upload:<id>` names them in a run's parameters. */
import type { InspectedModel } from '@working-papers/models/node';

export const uploadKinds = ['model', 'input'] as const;
/** A model's files together, or one file of text or data. */
export type UploadKind = (typeof uploadKinds)[number];

export interface Upload {
  id: string;
  kind: UploadKind;
  /** What the reader called it: the name of its (weight) file. */
  name: string;
  files: { name: string; bytes: number }[];
  bytes: number;
  /** ISO time in UTC. */
  createdAt: string;
  /** What its headers say; of a model only. */
  model?: InspectedModel;
}

/** Why an upload was refused or broke off: a sentence a reader can act on. Nothing of it is kept. */
export class UploadError extends Error {
  override name = 'UploadError';
  readonly reason: 'wrong' | 'large' | 'full';
  constructor(message: string, reason: 'wrong' | 'large' | 'full' = 'wrong', options?: ErrorOptions) {
    super(message, options);
    this.reason = reason;
  }
}
