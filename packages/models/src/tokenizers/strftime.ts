const two = (value: number) => String(value).padStart(2, '0');
const named = (options: Intl.DateTimeFormatOptions) => {
  const format = new Intl.DateTimeFormat('en-US', options);
  return (date: Date) => format.format(date);
};
const dayOfYear = (date: Date) =>
  Math.round(
    (Date.UTC(date.getFullYear(), date.getMonth(), date.getDate()) - Date.UTC(date.getFullYear(), 0, 0)) / 864e5,
  );

const parts: Record<string, (date: Date) => string> = {
  Y: (date) => String(date.getFullYear()),
  y: (date) => two(date.getFullYear() % 100),
  m: (date) => two(date.getMonth() + 1),
  d: (date) => two(date.getDate()),
  e: (date) => String(date.getDate()).padStart(2),
  j: (date) => String(dayOfYear(date)).padStart(3, '0'),
  H: (date) => two(date.getHours()),
  I: (date) => two(date.getHours() % 12 || 12),
  M: (date) => two(date.getMinutes()),
  S: (date) => two(date.getSeconds()),
  p: (date) => (date.getHours() < 12 ? 'AM' : 'PM'),
  B: named({ month: 'long' }),
  b: named({ month: 'short' }),
  A: named({ weekday: 'long' }),
  a: named({ weekday: 'short' }),
  F: (date) => strftime(date, '%Y-%m-%d'),
  T: (date) => strftime(date, '%H:%M:%S'),
  '%': () => '%',
};

/** A local time as Python's `strftime` writes it in English; `%-d` is without the leading zero. Other codes stay as they are. */
export function strftime(date: Date, format: string): string {
  return format.replace(/%(-?)([A-Za-z%])/g, (code, bare: string, letter: string) => {
    const part = Object.hasOwn(parts, letter) ? parts[letter]!(date) : undefined;
    if (part === undefined) return code;
    return bare ? part.replace(/^[0 ]+(?=\d)/, '') : part;
  });
}
