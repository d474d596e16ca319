/**
 * Regular expressions of the tokenizer.json of known models, and those that llama.cpp cuts by in their place. None backtracks
 * further than one run of like characters, so they run without a clock.
 */
const contractions = "(?i:'s|'t|'re|'ve|'m|'ll|'d)";
const words = '[^\\r\\n\\p{L}\\p{N}]?\\p{L}+';
const marks = ' ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*';
const marksOrSlash = ' ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*';
const upper = '[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]';
const lower = '[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]';
const spaces = '\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+';

export const patterns = {
  gpt2: "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+",
  llama3: `${contractions}|${words}|\\p{N}{1,3}|${marks}|${spaces}`,
  qwen2: `${contractions}|${words}|\\p{N}|${marks}|${spaces}`,
  olderGpt2: "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)",
  tekken: `[^\\r\\n\\p{L}\\p{N}]?${upper}*${lower}+|[^\\r\\n\\p{L}\\p{N}]?${upper}+${lower}*|\\p{N}|${marksOrSlash}|${spaces}`,
  gpt4o: `[^\\r\\n\\p{L}\\p{N}]?${upper}*${lower}+${contractions}?|[^\\r\\n\\p{L}\\p{N}]?${upper}+${lower}*${contractions}?|\\p{N}{1,3}|${marksOrSlash}|${spaces}`,
  deepseekV3:
    '[!"#$%&\'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\\r\\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+| ?[\\p{P}\\p{S}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+',
  kana: '[一-龥぀-ゟ゠-ヿ]+',
  lines: '[\\r\\n]',
  spacedLetters: '\\s?\\p{L}+',
  spacedMarks: '\\s?\\p{P}+',
  ideographs: '[一-龥ࠀ-一가-퟿]+',
  falconMarks: '[\\p{P}\\$\\+<=>\\^~\\|`]+',
  defaultMarks: '[\\p{P}\\$\\+<=>\\^~\\|]+',
  asciiTriples: '[0-9][0-9][0-9]',
  bloomRuns: ' ?[^(\\s|.,!?…。，、।۔،)]+',
  digits: '\\p{N}',
  digitRuns: '\\p{N}+',
  threeDigits: '\\p{N}{1,3}',
  clip: "'s|'t|'re|'ve|'m|'ll|'d|[\\p{L}]+|[\\p{N}]|[^\\s\\p{L}\\p{N}]+",
  bloom: ' ?[^(\\s|[.,!?…。，、।۔،])]+',
  spaceRuns: ' {2,}',
  outerSpace: '\\A | \\z',
  firstSpace: '\\A▁',
  spacesAnywhere: '\\s+',
} as const;

const known = new Set<string>(Object.values(patterns));

export const isKnownPattern = (source: string): boolean => known.has(source);
