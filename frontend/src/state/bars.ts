/** Candles as bars of a chart: merged by time, and without holes. Pure. */

import { decimalsOf } from "../core/decimal.ts";
import type { Candle } from "../link/types.ts";
import { nextOpen } from "./intervals.ts";

export interface Bar {
  candle: Candle;
  /** When it opens, in seconds since 1970. */
  time: number;
}

/** What the chart library must know of prices, see `priceFormatOf`. */
export interface PriceFormat {
  type: "price";
  precision: number;
  minMove: number;
  base: number;
}

/**
 * The library divides its price axis by a base that must be made of twos and fives: with the tick
 * itself as the step, ticks such as 0.03, 0.4 or 25 leave it blank. So its steps are powers of ten,
 * with as many decimals as the tick has.
 */
export function priceFormatOf(tick: string): PriceFormat {
  const precision = decimalsOf(tick);
  const base = 10 ** precision;
  return { type: "price", precision, minMove: 1 / base, base };
}

/** Bars that are made up for intervals without a trade, at most. */
const FILLED_MAX = 3_000;

export function barOf(candle: Candle): Bar {
  return { candle, time: Math.floor(Date.parse(candle.open_time) / 1000) };
}

/** Return bars in rising time; of two of one time the one that has seen more trades is kept. */
export function mergeBars(some: readonly Bar[], others: readonly Bar[]): Bar[] {
  const byTime = new Map<number, Bar>();
  for (const bar of [...some, ...others]) {
    const known = byTime.get(bar.time);
    if (!known || known.candle.trades <= bar.candle.trades) byTime.set(bar.time, bar);
  }
  return [...byTime.values()].sort((a, b) => a.time - b.time);
}

/**
 * Put a flat bar at the last close wherever an interval had no trade, newest holes first, so that
 * distances along the axis are distances in time.
 */
export function fillGaps(bars: readonly Bar[], interval: string): Bar[] {
  const filled: Bar[] = [];
  let left = FILLED_MAX;
  for (let index = bars.length - 1; index >= 0; index -= 1) {
    const bar = bars[index]!;
    const missing = timesBetween(bar.time, bars[index + 1]?.time, interval, left);
    left -= missing.length;
    for (const time of missing.reverse()) filled.push(flatBar(bar, time));
    filled.push(bar);
  }
  return filled.reverse();
}

/** When candles between two would open; none where they are more than `max`. */
function timesBetween(from: number, to: number | undefined, interval: string, max: number) {
  const times: number[] = [];
  if (to === undefined) return times;
  for (let time = nextOpen(interval, from); time < to; time = nextOpen(interval, time)) {
    if (times.length >= max) return [];
    times.push(time);
  }
  return times;
}

function flatBar({ candle }: Bar, time: number): Bar {
  const { close } = candle;
  const prices = { open: close, high: close, low: close, close };
  return { time, candle: { ...candle, ...prices, volume: "0", quote_volume: "0", trades: 0 } };
}
