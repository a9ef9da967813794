const UNITS = { s: 1, h: 3600, d: 86_400 } as const;

export const NOT_A_DURATION = 'must be a duration such as 30d, 12h or 0';

/** Seconds of `30d`, `12h`, `90s` or `0`; undefined for anything else. */
export function secondsOf(text: unknown): number | undefined {
  if (typeof text !== 'string' || !/^(\d+[shd]|0)$/.test(text)) return undefined;
  return Number.parseInt(text, 10) * (UNITS[text.slice(-1) as keyof typeof UNITS] ?? 0);
}
