/** The start of a value, as sentences show it. */
export const shown = (value: unknown): string => {
  const text = typeof value === 'bigint' ? `${value}` : (JSON.stringify(value) ?? String(value));
  return text.length > 60 ? `${text.slice(0, 60)}...` : text;
};
