/**
 * Own open orders as what can be moved in the chart: where each stands, where it may be moved to,
 * and what becomes of its place in the queue (docs/matching.md, "Amending"; of orders that wait
 * docs/matching-triggers.md, "Amending"). Pure.
 */

import { type Amount, read, write } from "../core/decimal.ts";
import type { AmendOrderIn, Market, Order } from "../link/types.ts";
import type { Prices } from "./draft.ts";
import { isReachedRising, isUnentered, traitsOf } from "./order-kinds.ts";

/** What an order asks for, and what it is to ask for instead. */
export interface Terms {
  price: Amount;
  /** In all, what is filled counted in; 0 of an order by amount. */
  quantity: Amount;
}

export interface Grip {
  order: Order;
  terms: Terms;
  /** Which of its prices stands in the chart. */
  field: "price" | "stop_price";
  /** Why it cannot be moved; empty where it can. */
  fixed: string;
}

/** What becomes of an order's place by an amendment. */
export type Effect = "same" | "keeps" | "back" | "trades" | "crosses" | "triggers";

export const EFFECTS: Record<Effect, string> = {
  same: "",
  keeps: "keeps its place",
  back: "goes to the back",
  trades: "trades at once",
  crosses: "refused: post-only would trade",
  triggers: "refused: would trigger at once",
};

const GRIPS_MAX = 20;

/** The open orders of a market that stand at a price, newest first. */
export function gripsOf(orders: readonly Order[], symbol: string): Grip[] {
  const grips: Grip[] = [];
  for (const order of orders) {
    if (order.market !== symbol || grips.length >= GRIPS_MAX) continue;
    const field = isUnentered(order) && order.trigger_by ? "stop_price" : "price";
    const price = order[field];
    if (!price) continue;
    const terms = { price: read(price), quantity: read(order.quantity) };
    grips.push({ order, terms, field, fixed: fixedBy(order, orders) });
  }
  return grips;
}

function fixedBy(order: Order, orders: readonly Order[]): string {
  const { list_id: list, id } = order;
  if (list && orders.some((other) => other.list_id === list && other.id !== id))
    return "in a list with another open order";
  if (order.status === "Triggered") return "triggered, its turn comes";
  const trails = traitsOf(order.order_type).trails || order.trail_price || order.trail_bps;
  return isUnentered(order) && trails ? "follows the market" : "";
}

/** What an amendment to these terms does, by the prices that the market has now. */
export function effectOf({ order, terms }: Grip, next: Terms, prices: Prices): Effect {
  const isMoved = next.price !== terms.price;
  if (!isMoved && next.quantity === terms.quantity) return "same";
  if (isUnentered(order)) return isMoved && triggersAt(order, next.price, prices) ? "triggers" : "keeps";
  if (!isMoved && next.quantity < terms.quantity) return "keeps";
  const best = order.side === "Buy" ? prices.ask : prices.bid;
  const trades = best !== null && (order.side === "Buy" ? next.price >= best : next.price <= best);
  if (!trades) return "back";
  return order.post_only ? "crosses" : "trades";
}

function triggersAt(order: Order, price: Amount, { last, bid, ask }: Prices): boolean {
  const opposite = order.side === "Buy" ? ask : bid;
  const seen = order.trigger_by === "Opposite" ? opposite : last;
  if (seen === null) return false;
  return isReachedRising(order.order_type, order.side) ? seen >= price : seen <= price;
}

/** The price nearest to a point of the chart that the market takes. */
export function snapped(price: number, market: Market): Amount {
  const tick = read(market.price_tick);
  const ticks = Math.round(price / (Number(tick) / 1e18));
  // A pixel is no exact price; the multiple of the tick that comes of it is.
  return bounded(BigInt(Number.isFinite(ticks) ? ticks : 0) * tick, tick, read(market.max_price));
}

/** The terms after so many steps: of a tick upwards, of a lot to more. */
export function stepped(grip: Grip, terms: Terms, ticks: number, lots: number, market: Market): Terms {
  const [tick, lot] = [read(market.price_tick), read(market.quantity_step)];
  const price = terms.price + BigInt(ticks) * tick;
  if (terms.quantity === 0n) return { ...terms, price: bounded(price, tick, read(market.max_price)) };
  // The total has to stay above what is gone of it.
  const gone = read(grip.order.filled_quantity) + read(grip.order.prevented_quantity);
  const quantity = terms.quantity + BigInt(lots) * lot;
  return {
    price: bounded(price, tick, read(market.max_price)),
    quantity: bounded(quantity, gone + lot, read(market.max_quantity)),
  };
}

function bounded(amount: Amount, least: Amount, most: Amount): Amount {
  return amount < least ? least : amount > most ? most : amount;
}

/** What is sent: the terms that are others, and nothing else. */
export function amendmentOf({ terms, field }: Grip, next: Terms): AmendOrderIn {
  const amendment: AmendOrderIn = {};
  if (next.price !== terms.price) amendment[field] = write(next.price);
  if (next.quantity !== terms.quantity) amendment.quantity = write(next.quantity);
  return amendment;
}
