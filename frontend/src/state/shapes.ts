/** Bars as what is drawn of them: candles, Heikin-Ashi candles, or closes. Pixels, never sent. */

import type { Bar } from "./bars.ts";

export interface Ohlc {
  time: number;
  open: number;
  high: number;
  low: number;
  close: number;
}

/** Whether two candles are of one colour is told by these alone. */
export function isRise(bar: Bar): boolean {
  return Number(bar.candle.close) >= Number(bar.candle.open);
}

export function candleOf({ candle, time }: Bar): Ohlc {
  return {
    time,
    open: Number(candle.open),
    high: Number(candle.high),
    low: Number(candle.low),
    close: Number(candle.close),
  };
}

/**
 * Heikin-Ashi candles: the close is the mean of a candle's four prices, the open the mean of open
 * and close of the Heikin-Ashi candle before (of the first: of its own), high and low take both in
 * (D. Valcu, "Using The Heikin-Ashi Technique", Stocks & Commodities 22:2, 2004).
 */
export function heikinAshi(bars: readonly Bar[]): Ohlc[] {
  const drawn: Ohlc[] = [];
  for (const bar of bars) drawn.push(heikinAfter(candleOf(bar), drawn.at(-1)));
  return drawn;
}

/** The Heikin-Ashi candle of a candle after the one before it. */
export function heikinAfter(candle: Ohlc, before: Ohlc | undefined): Ohlc {
  const close = (candle.open + candle.high + candle.low + candle.close) / 4;
  const open = before ? (before.open + before.close) / 2 : (candle.open + candle.close) / 2;
  const high = Math.max(candle.high, open, close);
  const low = Math.min(candle.low, open, close);
  return { time: candle.time, open, high, low, close };
}
