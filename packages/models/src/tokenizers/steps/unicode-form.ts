import type { AlignedText } from '../aligned-text.ts';

export type UnicodeForm = 'NFC' | 'NFD' | 'NFKC' | 'NFKD';

/**
 * A base character with the marks and the vowel and final jamo after it, half-width ones too: nothing composes across its borders.
 */
const cluster = /[^\p{M}\u1160-\u11ff\u3131-\u318e\uff9e-\uffdc]?[\p{M}\u1160-\u11ff\u3131-\u318e\uff9e-\uffdc]*/gu;

/** What a normal form may change: ASCII stays, but for a mark after it. */
const beyondAscii = /\p{ASCII}?\P{ASCII}+/gu;

/** A text in a normal form of Unicode. */
export function unicodeForm(text: AlignedText, form: UnicodeForm): AlignedText {
  const normal = text.text.normalize(form);
  if (normal === text.text) return text;
  if (!text.isTracked) return text.withText(normal);
  return text.transform(beyondAscii, (part) => changes(part, form));
}

function* changes(text: string, form: UnicodeForm): Generator<readonly [string, number]> {
  for (const [part] of text.matchAll(cluster)) {
    if (part === '') continue;
    const normal = part.normalize(form);
    if (normal === part) for (const character of part) yield [character, 0];
    else {
      const decomposed = decompose(part, form.replace('C', 'D') as UnicodeForm);
      yield* form.endsWith('D') ? decomposed : compose(decomposed);
    }
  }
}

/** Each character's parts, the first standing for it and the rest added, then put in canonical order. */
function decompose(text: string, form: UnicodeForm): [string, number][] {
  const parts = Array.from(text).flatMap((character) =>
    Array.from(character.normalize(form), (part, i): [string, number] => [part, i > 0 ? 1 : 0]),
  );
  // The order is stable, so equal characters keep theirs: the changes go along with the characters.
  const waiting = new Map<string, number[]>();
  for (const [part, change] of parts) {
    const before = waiting.get(part);
    if (before) before.push(change);
    else waiting.set(part, [change]);
  }
  const next = new Map<string, number>();
  return Array.from(text.normalize(form), (part) => {
    const place = next.get(part) ?? 0;
    next.set(part, place + 1);
    return [part, waiting.get(part)?.[place] ?? 0];
  });
}

/** Canonical composition as the Python library's crate walks it, with the changes of what is put together added up. */
function compose(parts: readonly [string, number][]): [string, number][] {
  const out: [string, number][] = [];
  let base: [string, number] | undefined;
  let held: [string, number][] = [];
  const flush = () => {
    if (base) out.push(base);
    out.push(...held);
    held = [];
  };
  for (const part of parts) {
    const [character, change] = part;
    const starts = isStarter(character);
    if (!base) {
      if (starts) base = part;
      else out.push(part);
      continue;
    }
    const last = held.at(-1);
    const blocked = last !== undefined && (starts || sameClass(last[0], character));
    const whole: string = blocked ? '' : (base[0] + character).normalize('NFC');
    if (!blocked && isOne(whole)) base = [whole, base[1] + change - 1];
    else if (starts) {
      flush();
      base = part;
    } else held.push(part);
  }
  flush();
  return out;
}

const isOne = (text: string): boolean => text.length === (text.codePointAt(0)! > 0xffff ? 2 : 1);

/** Combining class 0: U+0345 has the highest class, so every other mark moves before it. */
const isStarter = (character: string): boolean =>
  character !== '\u0345' && `\u0345${character}`.normalize('NFD') === `\u0345${character}`;

/** Whether two marks, given in canonical order, have one combining class: then they keep any order. */
const sameClass = (first: string, second: string): boolean =>
  `${second}${first}`.normalize('NFD') === `${second}${first}`;
