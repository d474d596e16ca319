/** Names of files that come from a method: an artifact, a plot. */

/** Letters, digits, dot, dash and underscore, beginning with a letter or digit: never a path, never hidden, on no system special. */
const safeName = /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/;
/** Device names of Windows, with any ending. */
const deviceName = /^(con|prn|aux|nul|com\d|lpt\d)(\.|$)/i;

/** The name as it is; throws a sentence when it could leave its folder or hide in it. */
export function checkedName(name: string): string {
  if (safeName.test(name) && !name.includes('..') && !name.endsWith('.') && !deviceName.test(name)) return name;
  throw new Error(
    `"${name.slice(0, 120)}" cannot name an artifact: at most 100 letters, digits, dots, dashes and underscores, beginning with a letter or digit.`,
  );
}

/** A media type such as "text/csv" or "text/plain; charset=utf-8"; throws a sentence otherwise. */
export function checkedMediaType(mediaType: string): string {
  if (/^[a-z]+\/[\w.+-]+(; ?[\w-]+=[\w.-]+)*$/i.test(mediaType) && mediaType.length <= 100) return mediaType;
  throw new Error(`"${mediaType.slice(0, 120)}" is not a media type such as text/csv.`);
}
