/** The colours of plots: the tokens of the pages (apps/site/src/lib/styles/tokens.css), once for light and once for dark. */
export interface Palette {
  paper: string;
  sunk: string;
  rule: string;
  edge: string;
  ink: string;
  ink2: string;
  ink3: string;
  holds: string;
  partly: string;
  fails: string;
  untested: string;
  /** The method under test first, in ink; then the others. */
  plot: readonly string[];
}

export const light: Palette = {
  paper: '#fbf9f4',
  sunk: '#f3efe6',
  rule: '#dfd9cc',
  edge: '#8c8474',
  ink: '#1d1b17',
  ink2: '#4d483f',
  ink3: '#686154',
  holds: '#12695a',
  partly: '#855400',
  fails: '#a8321f',
  untested: '#6b6458',
  plot: ['#1d1b17', '#b0452f', '#2f7385', '#80651a', '#7b5590', '#70685a'],
};

export const dark: Palette = {
  paper: '#171613',
  sunk: '#211f1b',
  rule: '#36322b',
  edge: '#7b7365',
  ink: '#eeeae1',
  ink2: '#c2bcaf',
  ink3: '#9c9586',
  holds: '#66c2a8',
  partly: '#e0ae52',
  fails: '#f0907c',
  untested: '#9c9586',
  plot: ['#eeeae1', '#e58a70', '#79bccd', '#d3b45c', '#c3a0d8', '#989080'],
};

const flat = ({ plot, ...named }: Palette): string[] => [...Object.values(named), ...plot];
const counterparts = new Map<string, string>([
  ...flat(light).map((colour, i) => [colour, flat(dark)[i] as string] as const),
  ...['white', '#fff', '#ffffff'].map((colour) => [colour, dark.paper] as const),
  ...['black', '#000', '#000000'].map((colour) => [colour, dark.ink] as const),
]);

/** A spec for a dark page: a colour of the light palette that it names, white or black becomes its counterpart. Rows stay as they are. */
export function inDark<T>(spec: T): T {
  return darkened(spec) as T;
}

function darkened(value: unknown): unknown {
  if (typeof value === 'string') return counterparts.get(value.toLowerCase()) ?? value;
  if (Array.isArray(value)) return value.map(darkened);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, entry]) => [
      key,
      // "white" may be the name of a row's category; a domain lists such names.
      key === 'data' || key === 'datasets' || key === 'domain' ? entry : darkened(entry),
    ]),
  );
}
