/** Ranges `[start, end)` of the original text, one for each UTF-16 unit of a text made from it. */
interface Ranges {
  readonly starts: Int32Array;
  readonly ends: Int32Array;
}

/** Most characters that a step may make of a text, beside 64 for each of its own: files may be hostile. */
const roomBeside = 100_000;

/**
 * A text on its way to tokens and, when somebody asks for offsets, what each UTF-16 unit of it comes from. The steps move the
 * ranges as the Python library's `NormalizedString` does (tokenizers/src/tokenizer/normalizer.rs): a character put for another has its
 * range, one that is added that of the character before it.
 */
export class AlignedText {
  readonly text: string;
  /** Where the original of this piece begins. */
  readonly origin: number;
  private readonly ranges: Ranges | undefined;
  /** Where `text` begins in `ranges`. */
  private readonly from: number;
  private readonly most: number;

  private constructor(text: string, origin: number, ranges: Ranges | undefined, from: number, most: number) {
    if (text.length > most)
      throw new RangeError(`its steps make more than ${most} characters of the text, which no tokenizer needs`);
    this.text = text;
    this.origin = origin;
    this.ranges = ranges;
    this.from = from;
    this.most = most;
  }

  /** The original text. Half a surrogate pair alone becomes U+FFFD, as in UTF-8. */
  static of(original: string, tracked: boolean): AlignedText {
    const text = original.toWellFormed();
    const most = 64 * text.length + roomBeside;
    if (!tracked) return new AlignedText(text, 0, undefined, 0, most);
    const starts = new Int32Array(text.length);
    const ends = new Int32Array(text.length);
    for (let i = 0; i < text.length; ) {
      const size = sizeAt(text, i);
      starts.fill(i, i, i + size);
      ends.fill(i + size, i, i + size);
      i += size;
    }
    return new AlignedText(text, 0, { starts, ends }, 0, most);
  }

  get isTracked(): boolean {
    return this.ranges !== undefined;
  }

  /** Where the units `[start, end)` come from; `[0, 0]` when that is not tracked. */
  rangeOf(start: number, end: number): [number, number] {
    if (!this.ranges) return [0, 0];
    if (start >= end) return [this.origin + start, this.origin + start];
    return [this.ranges.starts[this.from + start]!, this.ranges.ends[this.from + end - 1]!];
  }

  slice(start: number, end: number): AlignedText {
    const text = this.text.slice(start, end);
    if (!this.ranges) return new AlignedText(text, 0, undefined, 0, this.most);
    return new AlignedText(text, this.rangeOf(start, end)[0], this.ranges, this.from + start, this.most);
  }

  /** Another text of the same length, unit for unit. */
  withText(text: string): AlignedText {
    return new AlignedText(text, this.origin, this.ranges, this.from, this.most);
  }

  /** Every match of a global pattern, one character each, replaced by a text of any length. */
  rewrite(pattern: RegExp, textOf: (character: string) => string): AlignedText {
    if (!this.ranges) return this.withText(this.text.replace(pattern, textOf));
    const next = this.change();
    for (const { index, 0: character } of this.text.matchAll(pattern)) {
      next.keepTo(index);
      next.put(textOf(character), index);
      next.skipTo(index + character.length);
    }
    return next.end();
  }

  /** Every one of the spans `[start, end)`, in order, replaced by a text, which comes from the last character of the span. */
  replace(spans: readonly (readonly [number, number])[], content: string): AlignedText {
    if (spans.length === 0) return this;
    const next = this.change();
    for (const [start, end] of spans) {
      next.keepTo(start);
      next.put(content, end - 1);
      next.skipTo(end);
    }
    return next.end();
  }

  prepend(prefix: string): AlignedText {
    if (this.text === '') return this;
    const next = this.change();
    next.put(prefix, 0);
    return next.end();
  }

  /**
   * Every match of a global pattern, changed by its characters, each with its change: 0 stands for the next character of the match,
   * 1 was added, -n stands for the next character and n more after it.
   */
  transform(pattern: RegExp, changesOf: (part: string) => Iterable<readonly [string, number]>): AlignedText {
    const next = this.change();
    for (const { index, 0: part } of this.text.matchAll(pattern)) {
      next.keepTo(index);
      let at = index;
      for (const [character, change] of changesOf(part)) {
        next.put(character, change > 0 ? at - 1 : at);
        for (let passed = change; passed <= 0 && at < this.text.length; passed++) at += sizeAt(this.text, at);
      }
      next.skipTo(index + part.length);
    }
    return next.end();
  }

  private change(): Change {
    const { text, origin, ranges, from, most } = this;
    return new Change(text, origin, ranges, from, most, (made, kept) => new AlignedText(made, origin, kept, 0, most));
  }
}

/** A new text in the making, with its ranges when the old one has some. */
class Change {
  private readonly old: string;
  private readonly origin: number;
  private readonly ranges: Ranges | undefined;
  private readonly from: number;
  private readonly most: number;
  private readonly made: (text: string, ranges: Ranges | undefined) => AlignedText;
  private text = '';
  private starts: Int32Array;
  private ends: Int32Array;
  private length = 0;
  private at = 0;

  constructor(
    old: string,
    origin: number,
    ranges: Ranges | undefined,
    from: number,
    most: number,
    made: (text: string, ranges: Ranges | undefined) => AlignedText,
  ) {
    this.old = old;
    this.origin = origin;
    this.ranges = ranges;
    this.from = from;
    this.most = most;
    this.made = made;
    const room = ranges ? old.length + 16 : 0;
    this.starts = new Int32Array(room);
    this.ends = new Int32Array(room);
  }

  /** Takes the old text over up to a place. */
  keepTo(end: number): void {
    if (end <= this.at) return;
    this.text += this.old.slice(this.at, end);
    if (this.ranges) {
      this.grow(end - this.at);
      this.starts.set(this.ranges.starts.subarray(this.from + this.at, this.from + end), this.length);
      this.ends.set(this.ranges.ends.subarray(this.from + this.at, this.from + end), this.length);
      this.length += end - this.at;
    }
    this.at = end;
  }

  skipTo(end: number): void {
    this.at = end;
  }

  /** Puts a text that comes from the character with the unit `unit`; -1: from the beginning. */
  put(text: string, unit: number): void {
    this.text += text;
    if (this.text.length > this.most) this.made(this.text, undefined);
    if (!this.ranges) return;
    this.grow(text.length);
    const place = this.from + Math.min(unit, this.old.length - 1);
    this.starts.fill(unit < 0 ? this.origin : this.ranges.starts[place]!, this.length, this.length + text.length);
    this.ends.fill(unit < 0 ? this.origin : this.ranges.ends[place]!, this.length, this.length + text.length);
    this.length += text.length;
  }

  end(): AlignedText {
    this.keepTo(this.old.length);
    return this.made(this.text, this.ranges && { starts: this.starts, ends: this.ends });
  }

  private grow(more: number): void {
    if (this.length + more <= this.starts.length) return;
    const room = Math.max(this.length + more, this.starts.length * 2);
    this.starts = grown(this.starts, room);
    this.ends = grown(this.ends, room);
  }
}

function grown(array: Int32Array, length: number): Int32Array {
  const larger = new Int32Array(length);
  larger.set(array);
  return larger;
}

/** Units of the character at a place: 2 for a surrogate pair. */
function sizeAt(text: string, at: number): number {
  return (text.codePointAt(at) ?? 0) > 0xffff ? 2 : 1;
}
