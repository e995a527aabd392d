/** Own orders by the level of the book in which they stand, with their place in the queue. Pure. */

import { type Amount, ceilTo, floorTo, read } from "../core/decimal.ts";
import type { Side } from "../link/messages.ts";
import type { Market, Order } from "../link/types.ts";
import * as figures from "./figures.ts";
import { isUnentered } from "./order-kinds.ts";

/** An order with what stands before it at its price, where that is known. */
export type Queued = Order & { queueAhead?: string | null };

export interface OwnLevel {
  count: number;
  /** What is left of them. */
  remaining: Amount;
  /** What stands before the first of them; null where it is not known. */
  ahead: string | null;
}

/** What stands before an order at its price; null where it is not known. */
export function aheadOf(order: Queued): string | null {
  return order.queueAhead ?? null;
}

/** The place in words, in the market's quantities. */
export function aheadText(ahead: string, market: Market): string {
  return read(ahead) === 0n ? "first in line" : `${figures.ownQuantity(ahead, market)} ahead`;
}

/** Own orders that rest on one side of a market, by price in groups of `step`. */
export function ownLevels(
  orders: readonly Queued[],
  market: string,
  side: Side,
  step: Amount,
): Map<Amount, OwnLevel> {
  const levels = new Map<Amount, OwnLevel>();
  for (const order of orders) {
    if (order.market !== market || order.side !== side || !order.price || isUnentered(order)) continue;
    const price = (side === "Buy" ? floorTo : ceilTo)(read(order.price), step);
    const level = levels.get(price) ?? { count: 0, remaining: 0n, ahead: null };
    const ahead = aheadOf(order);
    level.count += 1;
    level.remaining += read(order.remaining_quantity);
    if (ahead !== null && (level.ahead === null || read(ahead) < read(level.ahead))) level.ahead = ahead;
    levels.set(price, level);
  }
  return levels;
}
