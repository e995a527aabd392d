/** The intervals of candles, as the exchange aligns them: to UTC, weeks on Monday, months by date. */

const UNIT_S: Record<string, number> = { s: 1, m: 60, h: 3_600, d: 86_400, w: 604_800 };
const MONTH = "1M";
const DAY_S = 86_400;

/** Shortest first. */
export const INTERVALS: readonly string[] = [
  ...["1s", "1m", "3m", "5m", "15m", "30m"],
  ...["1h", "2h", "4h", "6h", "8h", "12h"],
  ...["1d", "3d", "1w", MONTH],
];

const EMITTED: Record<string, string> = {
  Second: "s",
  Minute: "m",
  Hour: "h",
  Day: "d",
  Week: "w",
  Month: "M",
};

/** How the API writes an interval in an answer (`Minute15`) as it is asked for (`15m`). */
export function spelled(emitted: string): string {
  const [, unit = "", count = ""] = /^([A-Z][a-z]+)(\d+)$/.exec(emitted) ?? [];
  return EMITTED[unit] ? count + EMITTED[unit] : emitted;
}

/** Its length in seconds; a month has none. */
function lengthOf(interval: string): number | null {
  if (interval === MONTH) return null;
  return Number(interval.slice(0, -1)) * UNIT_S[interval.slice(-1)]!;
}

/** When the candle after the one of `time` opens; both in seconds since 1970. */
export function nextOpen(interval: string, time: number): number {
  const length = lengthOf(interval);
  if (length !== null) return time + length;
  const date = new Date(time * 1000);
  return Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1, 1) / 1000;
}

/** Whether its candles are days of UTC or more, which have no other zone's time of day. */
export function isOfDays(interval: string): boolean {
  return (lengthOf(interval) ?? Infinity) >= DAY_S;
}
