/**
 * One market's order book as the feed tells it: a snapshot, then deltas in sequence. Pure, so that
 * gap handling and checksums are tested without a browser.
 */

import { crc32 } from "../core/crc32.ts";
import { type Amount, ceilTo, divideDown, floorTo, multiplyDown, parse } from "../core/decimal.ts";
import type { BookMessage, Side } from "../link/messages.ts";

/** A price level: the texts exactly as sent (the checksum needs them) and their exact values. */
export interface Level {
  price: Amount;
  quantity: Amount;
  priceText: string;
  quantityText: string;
}

/** What became of a message; after `gap` or `corrupt` the caller subscribes anew. */
export type Outcome = "applied" | "stale" | "gap" | "corrupt";

const CHECKSUM_LEVELS = 10;

export class OrderBook {
  /** Best price first on both sides. */
  bids: Level[] = [];
  asks: Level[] = [];
  sequence: bigint | null = null;

  /** Apply a snapshot (no `prev_sequence`) or a delta. A gap or a corrupt message empties it. */
  apply(message: BookMessage): Outcome {
    const outcome =
      message.prev_sequence == null ? this.#replace(message) : this.#applyDelta(message);
    if (outcome === "gap" || outcome === "corrupt") this.clear();
    return outcome;
  }

  clear(): void {
    this.bids = [];
    this.asks = [];
    this.sequence = null;
  }

  /** The text whose CRC-32 both ends compare: the best ten levels, bid and ask by turns. */
  checksumText(): string {
    const parts: string[] = [];
    for (let index = 0; index < CHECKSUM_LEVELS; index += 1) {
      for (const level of [this.bids[index], this.asks[index]]) {
        if (level) parts.push(level.priceText, level.quantityText);
      }
    }
    return parts.join(":");
  }

  #replace(message: BookMessage): Outcome {
    this.bids = [];
    this.asks = [];
    if (!this.#applyLevels(message)) return "corrupt";
    return this.#settle(message);
  }

  #applyDelta(message: BookMessage): Outcome {
    if (this.sequence === null) return "gap";
    if (BigInt(message.sequence) <= this.sequence) return "stale";
    if (BigInt(message.prev_sequence!) !== this.sequence) return "gap";
    if (!this.#applyLevels(message)) return "corrupt";
    return this.#settle(message);
  }

  #applyLevels(message: BookMessage): boolean {
    const bids = message.bids.every((level) => setLevel(this.bids, level, -1n));
    return bids && message.asks.every((level) => setLevel(this.asks, level, 1n));
  }

  #settle(message: BookMessage): Outcome {
    this.sequence = BigInt(message.sequence);
    if (message.checksum == null) return "applied";
    return crc32(this.checksumText()) === Number(message.checksum) ? "applied" : "corrupt";
  }
}

/** Put one absolute quantity into a side; `direction` is 1 where low prices come first. */
function setLevel(side: Level[], [priceText, quantityText]: [string, string], direction: bigint) {
  const price = parse(priceText);
  const quantity = parse(quantityText);
  if (price === null || quantity === null) return false;
  let low = 0;
  let high = side.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((side[middle]!.price - price) * direction < 0n) low = middle + 1;
    else high = middle;
  }
  const found = side[low]?.price === price;
  if (quantity === 0n) {
    if (found) side.splice(low, 1);
  } else {
    side.splice(low, found ? 1 : 0, { price, quantity, priceText, quantityText });
  }
  return true;
}

/** A row of the drawn book: levels of one price group, and the sums from the best price on. */
export interface Row {
  price: Amount;
  quantity: Amount;
  cumulative: Amount;
  /** What the cumulative quantity is worth at its levels' prices, in quote. */
  amount: Amount;
}

/** Group a side by `step` (bids round down, asks up) and return at most `count` rows. */
export function groupLevels(side: Level[], step: Amount, isBid: boolean, count: number): Row[] {
  const rows: Row[] = [];
  let [cumulative, amount] = [0n, 0n];
  for (const level of side) {
    const price = isBid ? floorTo(level.price, step) : ceilTo(level.price, step);
    const last = rows.at(-1);
    if (last?.price !== price && rows.length === count) break;
    cumulative += level.quantity;
    amount += multiplyDown(level.quantity, level.price);
    if (last?.price === price) {
      last.quantity += level.quantity;
      last.cumulative = cumulative;
      last.amount = amount;
    } else {
      rows.push({ price, quantity: level.quantity, cumulative, amount });
    }
  }
  return rows;
}

/** What a taker takes from one level: price, quantity in base, cost in quote. */
export interface Match {
  price: Amount;
  quantity: Amount;
  cost: Amount;
}

/** What a taker would find, best price first; the sums, and whether it is all that was asked. */
export interface Sweep {
  matches: Match[];
  quantity: Amount;
  cost: Amount;
  complete: boolean;
}

/** Walk the opposite side for a base `quantity`, up to a `limit` price where there is one. */
export function sweepByQuantity(
  book: OrderBook,
  side: Side,
  quantity: Amount,
  limit: Amount | null = null,
): Sweep {
  let left = quantity;
  const matches: Match[] = [];
  for (const level of side === "Buy" ? book.asks : book.bids) {
    if (left === 0n || (limit !== null && isBeyond(level.price, limit, side))) break;
    const taken = left < level.quantity ? left : level.quantity;
    matches.push(matchOf(taken, level.price));
    left -= taken;
  }
  return sweepOf(matches, left === 0n);
}

/** Walk the opposite side for a `quote` amount, in whole lots of `step`, level by level. */
export function sweepByQuote(
  book: OrderBook,
  side: Side,
  quote: Amount,
  step: Amount,
  limit: Amount | null = null,
): Sweep {
  let left = quote;
  const matches: Match[] = [];
  for (const level of side === "Buy" ? book.asks : book.bids) {
    if (left === 0n || (limit !== null && isBeyond(level.price, limit, side))) break;
    const covered = floorTo(divideDown(left, level.price), step);
    const taken = covered < level.quantity ? covered : level.quantity;
    if (taken > 0n) matches.push(matchOf(taken, level.price));
    left -= multiplyDown(taken, level.price);
    // What is left does not buy one more lot: as far as the exchange is concerned, that is all.
    if (taken < level.quantity) return sweepOf(matches, matches.length > 0);
  }
  return sweepOf(matches, left === 0n);
}

function isBeyond(price: Amount, limit: Amount, side: Side): boolean {
  return side === "Buy" ? price > limit : price < limit;
}

/** Tick x lot is exact in the quote's scale, so nothing is cut off here. */
function matchOf(quantity: Amount, price: Amount): Match {
  return { price, quantity, cost: multiplyDown(quantity, price) };
}

function sweepOf(matches: Match[], complete: boolean): Sweep {
  const sum = (field: "quantity" | "cost") =>
    matches.reduce((total, match) => total + match[field], 0n);
  return { matches, quantity: sum("quantity"), cost: sum("cost"), complete };
}
