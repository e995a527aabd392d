/** What orders of each type have: a price of their own, one that they wait for, or one that moves. */

import type { Side } from "../link/messages.ts";
import type { Order } from "../link/types.ts";

export type OrderKind = Order["order_type"];
/** What the form can place: an order of a type, or two of which one cancels the other. */
export type TicketKind = OrderKind | "OCO";
export type TimeInForce = Order["time_in_force"];

export interface Traits {
  /** It has a price of its own. */
  isLimit: boolean;
  /** It stays out of the book until a price is reached. */
  waits: boolean;
  /** That price follows the market. */
  trails: boolean;
}

const LIMITS: readonly TicketKind[] = ["Limit", "StopLimit", "TakeProfitLimit"];
const RESTING: readonly TimeInForce[] = ["GTC", "GTD", "Day"];
const UNENTERED: readonly Order["status"][] = ["Pending", "Triggered"];

export function traitsOf(kind: TicketKind): Traits {
  return {
    isLimit: LIMITS.includes(kind),
    waits: kind !== "Limit" && kind !== "Market",
    trails: kind === "TrailingStop",
  };
}

/** Whether the price that an order waits for is reached from below: the market must rise to it. */
export function isReachedRising(kind: TicketKind, side: Side): boolean {
  return kind.startsWith("TakeProfit") ? side === "Sell" : side === "Buy";
}

/** Whether what is left of a limit order waits in the book. */
export function rests(time: TimeInForce): boolean {
  return RESTING.includes(time);
}

/** How long an order is good, in short; empty where it has no choice or is good till cancelled. */
export function timeOf(order: Order): string {
  const time = order.time_in_force;
  // What ends by itself says when.
  return !traitsOf(order.order_type).isLimit || time === "GTC" || order.expires_at ? "" : time;
}

/** Whether an order has not entered the market: it waits for its price, or for its turn. */
export function isUnentered(order: Order): boolean {
  return UNENTERED.includes(order.status);
}
