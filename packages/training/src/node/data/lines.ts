/** Text in pieces: what is checked of it, and its lines. */
import { isUtf8 } from 'node:buffer';

/** What sentences about a text say, and what is allowed. */
export interface TextLimits {
  /** Of the file. */
  name: string;
  /** Most bytes of a row. */
  longestRow: number;
}

const newline = 10;
const carriageReturn = 13;
const byteOrderMark = '\ufeff';

/**
 * The pieces as they come, when they are UTF-8 text without NULs and with no line longer than a row may be; else throws a sentence
 * with the line, before more than that has been read.
 * @param line how many lines came before
 */
export async function* checkedText(
  pieces: AsyncIterable<Uint8Array>,
  { name, longestRow }: TextLimits,
  line = 0,
): AsyncGenerator<Uint8Array, void, undefined> {
  let number = line + 1;
  let length = 0;
  let before = 0;
  let rest: Uint8Array = new Uint8Array();
  const refuse = (what: string) => new Error(`${name}, line ${number}: ${what}`);
  for await (const piece of pieces) {
    const whole = rest.length > 0 ? Buffer.concat([rest, piece]) : piece;
    const end = endOfCharacters(whole);
    const valid = isUtf8(whole.subarray(0, end));
    for (let i = 0; i < piece.length; i++) {
      const byte = piece[i]!;
      if (byte === newline || byte === carriageReturn) {
        if (byte === carriageReturn || before !== carriageReturn) number++;
        length = 0;
      } else if (byte === 0) throw refuse('has a NUL, so it is no text. Is the file of another kind, or in UTF-16?');
      else if (++length > longestRow)
        throw refuse(`more than ${longestRow} bytes; a row has at most so many. Split it.`);
      before = byte;
    }
    if (!valid) throw new Error(`${name}, line ${number} or before: not UTF-8. Write the file in UTF-8.`);
    rest = Uint8Array.from(whole.subarray(end));
    if (piece.length > 0) yield piece;
  }
  if (rest.length > 0) throw refuse('ends within a character. Is the file whole?');
}

/** Where the last character that may go on in the next piece begins. */
function endOfCharacters(text: Uint8Array): number {
  let start = text.length - 1;
  while (start >= 0 && start > text.length - 4 && (text[start]! & 0xc0) === 0x80) start--;
  if (start < 0) return text.length;
  const lead = text[start]!;
  const length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : lead >= 0xc0 ? 2 : 1;
  return start + length > text.length ? start : text.length;
}

/** A place in a text: bytes and lines that came before it. */
export interface TextPlace {
  bytes: number;
  line: number;
}

/** A line without its end, and the place behind it. */
export interface Line {
  text: string;
  after: TextPlace;
}

/** The lines of a text from a place on; `\n`, `\r\n` and `\r` end one. A byte order mark is no part of the first. */
export async function* linesOf(
  pieces: AsyncIterable<Uint8Array>,
  limits: TextLimits,
  from: TextPlace = { bytes: 0, line: 0 },
): AsyncGenerator<Line, void, undefined> {
  let held: Uint8Array[] = [];
  let { bytes, line } = from;
  const take = (): Line => {
    const whole = Buffer.concat(held);
    held = [];
    bytes += whole.length;
    line++;
    let end = whole.length;
    if (whole[end - 1] === newline) end--;
    if (whole[end - 1] === carriageReturn) end--;
    const text = whole.toString('utf8', 0, end);
    return { text: line === 1 && text.startsWith(byteOrderMark) ? text.slice(1) : text, after: { bytes, line } };
  };
  let isReturnHeld = false;
  for await (const piece of checkedText(pieces, limits, line)) {
    let start = 0;
    if (isReturnHeld) {
      // "\r" stood at the very end of the piece before, and may be half of "\r\n".
      if (piece[0] === newline) held.push(piece.subarray(0, ++start));
      yield take();
    }
    let feed = piece.indexOf(newline, start);
    let back = piece.indexOf(carriageReturn, start);
    while (feed >= 0 || back >= 0) {
      const isReturn = back >= 0 && (feed < 0 || back < feed);
      let end = (isReturn ? back : feed) + 1;
      if (isReturn && end === piece.length) break;
      if (isReturn && piece[end] === newline) end++;
      held.push(piece.subarray(start, end));
      yield take();
      start = end;
      if (feed >= 0 && feed < start) feed = piece.indexOf(newline, start);
      if (back >= 0 && back < start) back = piece.indexOf(carriageReturn, start);
    }
    if (start < piece.length) held.push(piece.subarray(start));
    isReturnHeld = piece[piece.length - 1] === carriageReturn;
  }
  if (held.length > 0) yield take();
}
