/** How numbers, dates and verdicts are said on pages. */
export type Verdict = 'holds' | 'partly' | 'does not hold here' | 'not tested';

/** The class that carries a verdict's colour and shape. */
export const verdictClass: Record<Verdict, 'holds' | 'partly' | 'fails' | 'untested'> = {
  holds: 'holds',
  partly: 'partly',
  'does not hold here': 'fails',
  'not tested': 'untested',
};

const dayFormat = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'long', year: 'numeric', timeZone: 'UTC' });
const longDayFormat = new Intl.DateTimeFormat('en-GB', {
  weekday: 'long',
  day: 'numeric',
  month: 'long',
  year: 'numeric',
  timeZone: 'UTC',
});
const monthFormat = new Intl.DateTimeFormat('en-GB', { month: 'long', year: 'numeric', timeZone: 'UTC' });

/** 18 July 2025 */
export const day = (iso: string) => dayFormat.format(new Date(iso.length === 10 ? `${iso}T00:00:00Z` : iso));
/** Friday, 18 July 2025 */
export const longDay = (iso: string) => longDayFormat.format(new Date(`${iso.slice(0, 10)}T00:00:00Z`));
export const month = (iso: string) => monthFormat.format(new Date(`${iso.slice(0, 7)}-01T00:00:00Z`));

const minuteFormat = (timeZone: string | undefined) =>
  new Intl.DateTimeFormat('en-GB', {
    day: 'numeric',
    month: 'short',
    year: 'numeric',
    hour: '2-digit',
    minute: '2-digit',
    timeZone,
  });
const exactFormat = (timeZone: string | undefined) =>
  new Intl.DateTimeFormat('en-GB', { dateStyle: 'full', timeStyle: 'long', timeZone });

/**
 * A moment (ISO time) as text, to the minute or only its day, and the exact time for those who ask. `timeZone` undefined is the
 * reader's own; UTC is named, since it is nobody's guess.
 */
export function moment(iso: string, timeZone: string | undefined, only?: 'day'): { text: string; exact: string } {
  const date = new Date(iso);
  const exact = exactFormat(timeZone).format(date);
  const text =
    only === 'day'
      ? new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'long', year: 'numeric', timeZone }).format(date)
      : `${minuteFormat(timeZone).format(date)}${timeZone === 'UTC' ? ' UTC' : ''}`;
  return { text, exact: timeZone === 'UTC' ? exact : `${exact} (${iso.replace(/\.\d+Z$/, 'Z')})` };
}

export const plural = (count: number, one: string, many = `${one}s`) =>
  `${count.toLocaleString('en')} ${count === 1 ? one : many}`;

/** "7 claims: 3 hold, 1 partly, 1 does not hold here, 2 not tested" */
export function stripSentence(verdicts: readonly Verdict[]): string {
  const count = (verdict: Verdict) => verdicts.filter((v) => v === verdict).length;
  const holds = count('holds');
  const fails = count('does not hold here');
  const parts = [
    holds && `${holds} ${holds === 1 ? 'holds' : 'hold'}`,
    count('partly') && `${count('partly')} partly`,
    fails && `${fails} ${fails === 1 ? 'does' : 'do'} not hold here`,
    count('not tested') && `${count('not tested')} not tested`,
  ].filter(Boolean);
  return `${plural(verdicts.length, 'claim')}${parts.length > 0 ? `: ${parts.join(', ')}` : ''}`;
}

/** The short words beside a strip: "3 of 6 hold, 1 does not", "6 claims, none tested". */
export function stripWords(verdicts: readonly Verdict[]): string {
  const tested = verdicts.filter((v) => v !== 'not tested').length;
  if (verdicts.length === 0) return 'no claims listed';
  if (tested === 0) return `${plural(verdicts.length, 'claim')}, none tested`;
  const holds = verdicts.filter((v) => v === 'holds').length;
  const fails = verdicts.filter((v) => v === 'does not hold here').length;
  return `${holds} of ${verdicts.length} hold${fails > 0 ? `, ${fails} ${fails === 1 ? 'does' : 'do'} not` : ''}`;
}

/** Three significant digits, thin spaces, no exponent for what people read easily. */
export function number(value: number): string {
  if (!Number.isFinite(value)) return String(value);
  const size = Math.abs(value);
  // Not 10 to a raised power: the served subset of the face has no raised minus.
  if (size !== 0 && (size < 0.001 || size >= 1e7)) return value.toExponential(1).replace('+', '');
  return value
    .toLocaleString('en', { maximumSignificantDigits: size >= 1000 ? 4 : 3 })
    .replaceAll(',', '\u202f')
    .replace('-', '\u2212');
}

/** 3 min 20 s */
export function duration(seconds: number): string {
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  const minutes = Math.floor(whole / 60);
  if (minutes < 60) return `${minutes} min ${whole % 60} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

export function bytes(count: number): string {
  const units = ['bytes', 'kB', 'MB', 'GB'];
  let value = count;
  let unit = 0;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit++;
  }
  return `${unit === 0 ? value : value.toFixed(value < 10 ? 1 : 0)} ${units[unit]}`;
}

/** A unit after its number: a times sign close to it, a short unit after a thin space, words after a space. */
export function unitAfter(unit: string | undefined): string {
  if (!unit) return '';
  if (unit === 'x') return '×';
  return `${unit.length <= 6 ? '\u202f' : ' '}${unit}`;
}

/** A paper's value with its unit: behind a number, in brackets behind words ("< 0.9 in most tasks (%)"). */
export const paperValue = ({ value, unit }: { value: string; unit?: string }): string =>
  unit && !/\d$/.test(value) ? `${value} (${unit})` : `${value}${unitAfter(unit)}`;
