/** A file that is not what it says it is, or that this reader does not read; the message is a sentence for people. */
export class FormatError extends Error {
  override name = 'FormatError';
}
