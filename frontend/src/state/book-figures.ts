/** What is told of a book beside its levels: its spread, and which side is the heavier one. Pure. */

import type { Amount } from "../core/decimal.ts";
import type { OrderBook } from "./book.ts";

/** How many of the best levels of each side are weighed. */
const WEIGHED_LEVELS = 10;
const ONE = 10n ** 18n;

export interface Spread {
  gap: Amount;
  /** Ten thousandths of the middle. */
  bps: Amount;
}

/** Null while one side is empty. */
export function spreadOf({ bids, asks }: OrderBook): Spread | null {
  const [bid, ask] = [bids[0]?.price, asks[0]?.price];
  if (bid === undefined || ask === undefined) return null;
  const gap = ask - bid;
  return { gap, bps: (gap * 20_000n * ONE) / (ask + bid) };
}

/** The bids' share of what stands in the best levels of both sides, in percent; null: nothing does. */
export function bidShare({ bids, asks }: OrderBook): number | null {
  const sum = (levels: OrderBook["bids"]) =>
    levels.slice(0, WEIGHED_LEVELS).reduce((total, level) => total + level.quantity, 0n);
  const [bid, ask] = [sum(bids), sum(asks)];
  return bid + ask === 0n ? null : Number((bid * 100n + (bid + ask) / 2n) / (bid + ask));
}
