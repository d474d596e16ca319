import type { AlignedText } from '../aligned-text.ts';
import { bytesOfBase64 } from '../base64.ts';
import { byteCharacters } from '../byte-level.ts';
import { type Fields, flagOf, stepsOf, textOf } from '../fields.ts';
import { controls, marks, nonspacingMarks } from './characters.ts';
import { parseCharsmap } from './charsmap.ts';
import { graphemes } from './graphemes.ts';
import { patternOf } from './pattern.ts';
import { type UnicodeForm, unicodeForm } from './unicode-form.ts';

export type Step = (text: AlignedText) => AlignedText;

/** The normalizer of a tokenizer.json, step by step as the Python library takes them. */
export function normaliserOf(config: unknown): Step {
  const steps = stepsOf(config, 'normalizers', 'normalizer').map(stepOf);
  return (text) => steps.reduce((before, step) => step(before), text);
}

function stepOf(config: Fields): Step {
  switch (config.type) {
    case 'BertNormalizer':
      return bert(config);
    case 'NFC':
    case 'NFD':
    case 'NFKC':
    case 'NFKD':
      return (text) => unicodeForm(text, config.type as UnicodeForm);
    case 'Lowercase':
      return lowercase;
    case 'StripAccents':
      return (text) => text.rewrite(marks, () => '');
    case 'Strip':
      return strip(flagOf(config, 'strip_left', true), flagOf(config, 'strip_right', true));
    case 'Prepend': {
      const prefix = textOf(config, 'prepend');
      return (text) => text.prepend(prefix);
    }
    case 'Replace': {
      const content = textOf(config, 'content');
      const pattern = patternOf(config.pattern);
      return (text) => text.replace(pattern(text.text), content);
    }
    case 'Precompiled':
      return precompiled(textOf(config, 'precompiled_charsmap', ''));
    case 'Nmt':
      return (text) => text.rewrite(nmtRemoved, () => '').rewrite(nmtSpaces, () => ' ');
    case 'ByteLevel':
      return byteCharacters;
    default:
      throw new Error(`its normalizer has a step ${JSON.stringify(config.type)}, which is not known here`);
  }
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what it removes
const nmtRemoved = /[\u0001-\u0008\u000b\u000e-\u001f\u007f\u008f\u009f]/gu;
const nmtSpaces = /[\t\n\f\r\u1680\u200b-\u200f\u2028\u2029\u2581\ufeff\ufffd]/gu;

const upperCase = /\p{Changes_When_Lowercased}/gu;
const lowercase: Step = (text) => {
  // One by one: the lower case of a whole text would know a final sigma.
  return text.rewrite(upperCase, (character) => character.toLowerCase());
};

const plainAscii = /^[\t\n\r -~]*$/;
const ideographs =
  /[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\u{20000}-\u{2a6df}\u{2a700}-\u{2b73f}\u{2b740}-\u{2b81f}\u{2b920}-\u{2ceaf}\u{2f800}-\u{2fa1f}]/gu;

/** What the original BERT did before words: control characters out, spaces around ideographs, accents off, lower case. */
function bert(config: Fields): Step {
  const cleans = flagOf(config, 'clean_text', true);
  const spaces = flagOf(config, 'handle_chinese_chars', true);
  const lowers = flagOf(config, 'lowercase', true);
  const strips = flagOf(config, 'strip_accents', lowers);
  return (given) => {
    let text = given;
    if (plainAscii.test(text.text)) {
      if (cleans) text = text.withText(text.text.replace(/[\t\n\r]/g, ' '));
      return lowers ? text.withText(text.text.toLowerCase()) : text;
    }
    if (cleans) {
      text = text.rewrite(controls, () => '');
      text = text.withText(text.text.replace(/\p{White_Space}/gu, ' '));
    }
    if (spaces) text = text.rewrite(ideographs, (character) => ` ${character} `);
    if (strips) text = unicodeForm(text, 'NFD').rewrite(nonspacingMarks, () => '');
    return lowers ? lowercase(text) : text;
  };
}

/** White space off the ends. */
function strip(left: boolean, right: boolean): Step {
  return (text) => {
    const all = text.text;
    let start = 0;
    let end = all.length;
    while (left && start < end && isSpace(all[start]!)) start++;
    while (right && end > start && isSpace(all[end - 1]!)) end--;
    if (start === 0 && end === all.length) return text;
    return text.replace(
      [
        [0, start],
        [end, all.length],
      ],
      '',
    );
  };
}

const isSpace = (unit: string): boolean => /\p{White_Space}/u.test(unit);

const whole = /^.+$/gsu;
const clustered = /[^\0-\x7f]|\r\n/;

/** SentencePiece's own normalisation by table, a cluster of characters at a time, else character by character. */
function precompiled(table: string): Step {
  if (table === '') return (text) => text;
  const become = parseCharsmap(tableOf(table));
  const ofCharacter = new Map<string, string | undefined>();
  const known = (piece: string) => {
    if (!ofCharacter.has(piece)) {
      if (ofCharacter.size > 10_000) ofCharacter.clear();
      ofCharacter.set(piece, become(piece));
    }
    return ofCharacter.get(piece);
  };
  return (text) => {
    let changed = false;
    const out: [string, number][] = [];
    const put = (piece: string) => {
      const content = known(piece);
      if (content === undefined) return false;
      changed = true;
      const characters = Array.from(content);
      for (const character of characters) out.push([character, 0]);
      const more = characters.length - Array.from(piece).length;
      if (more > 0) for (let i = out.length - more; i < out.length; i++) out[i]![1] = 1;
      else if (more < 0 && out.length > 0) out.at(-1)![1] += more;
      return true;
    };
    const clusters = clustered.test(text.text) ? graphemes(text.text) : text.text;
    for (const cluster of clusters) {
      if (utf8Length(cluster) < 6 && put(cluster)) continue;
      for (const character of cluster) if (!put(character)) out.push([character, 0]);
    }
    return changed ? text.transform(whole, () => out) : text;
  };
}

function utf8Length(text: string): number {
  let bytes = 0;
  for (const character of text) {
    const code = character.codePointAt(0)!;
    bytes += code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
  }
  return bytes;
}

function tableOf(text: string): Uint8Array {
  try {
    return bytesOfBase64(text);
  } catch {
    throw new Error('its precompiled_charsmap is not base64');
  }
}
