/** The live book as a depth curve: how much stands up to each price, exactly. Pure. */

import { type Amount, multiplyDown } from "../core/decimal.ts";
import type { Level, OrderBook } from "./book.ts";

export interface DepthPoint {
  price: Amount;
  /** What stands at this price and at all better ones, in base and in quote. */
  quantity: Amount;
  amount: Amount;
}

export interface Depth {
  /** Best price first on both sides. */
  bids: DepthPoint[];
  asks: DepthPoint[];
  middle: Amount;
  /** The prices between which it is looked at. */
  low: Amount;
  high: Amount;
  /** The larger of both sums. */
  deepest: Amount;
}

const ALL_BPS = 10_000;

/** Tick x lot is exact in the quote's scale, so no sum is rounded. */
function cumulate(side: readonly Level[], isWithin: (price: Amount) => boolean): DepthPoint[] {
  const points: DepthPoint[] = [];
  let [quantity, amount] = [0n, 0n];
  for (const level of side) {
    if (!isWithin(level.price)) break;
    quantity += level.quantity;
    amount += multiplyDown(level.quantity, level.price);
    points.push({ price: level.price, quantity, amount });
  }
  return points;
}

/**
 * The book within so many ten thousandths of its middle; null is all of it. Null where it is empty.
 */
export function depthOf(book: OrderBook, bps: number | null): Depth | null {
  const [bid, ask] = [book.bids[0]?.price, book.asks[0]?.price];
  const [low, high] = [bid ?? ask, ask ?? bid];
  if (low === undefined || high === undefined) return null;
  const middle = (low + high) / 2n;
  const reach = bps === null ? widest(book, middle) : (middle * BigInt(bps)) / BigInt(ALL_BPS);
  const bids = cumulate(book.bids, (price) => price >= middle - reach);
  const asks = cumulate(book.asks, (price) => price <= middle + reach);
  const sums = [bids.at(-1)?.quantity ?? 0n, asks.at(-1)?.quantity ?? 0n] as const;
  return {
    ...{ bids, asks, middle, low: middle - reach, high: middle + reach },
    deepest: sums[0] > sums[1] ? sums[0] : sums[1],
  };
}

/** How far the level is that is farthest from the middle. */
function widest({ bids, asks }: OrderBook, middle: Amount): Amount {
  const [below, above] = [bids.at(-1), asks.at(-1)];
  const down = below ? middle - below.price : 0n;
  const up = above ? above.price - middle : 0n;
  return down > up ? down : up;
}

/**
 * The level that a price of the curve belongs to: the worst one that is no worse than it, and the
 * best one between the sides.
 */
export function levelAt({ bids, asks, middle }: Depth, price: Amount): DepthPoint | undefined {
  const isBid = price <= middle;
  const side = isBid ? bids : asks;
  const within = side.filter((point) => (isBid ? point.price >= price : point.price <= price));
  return within.at(-1) ?? side[0];
}
