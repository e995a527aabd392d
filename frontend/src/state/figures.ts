/** How a market's figures read: prices by its tick, quantities by its lot; and why orders end. */

import { type Amount, decimalsOf, read, show, showAll } from "../core/decimal.ts";
import { NONE } from "../core/format.ts";
import type { Market, Order } from "../link/types.ts";
import { isReachedRising } from "./order-kinds.ts";

export function price(text: string | null | undefined, market: Market | undefined): string {
  if (text == null) return NONE;
  return show(read(text), market ? decimalsOf(market.price_tick) : 2);
}

export function quantity(text: string | null | undefined, market: Market | undefined): string {
  if (text == null) return NONE;
  return showQuantity(read(text), market);
}

/** A quantity of one's own: never cut, with at least the decimals that the columns have. */
export function ownQuantity(text: string | null | undefined, market: Market | undefined): string {
  if (text == null) return NONE;
  return showAll(read(text), columnDecimals(market));
}

const QUANTITY_DECIMALS_MAX = 6;

function columnDecimals(market: Market | undefined): number {
  const lot = market ? decimalsOf(market.quantity_step) : QUANTITY_DECIMALS_MAX;
  return Math.min(lot, QUANTITY_DECIMALS_MAX);
}

/** Quantities of a market have one number of decimals (columns align); dust is shown whole. */
export function showQuantity(amount: Amount, market: Market | undefined): string {
  const text = show(amount, columnDecimals(market));
  return amount !== 0n && !/[1-9]/.test(text) ? showAll(amount, 0) : text;
}

/** A change of a price, with its sign. */
export function signed(text: string | null | undefined, market: Market | undefined): string {
  if (text == null) return NONE;
  const sign = read(text) > 0n ? "+" : "";
  return sign + price(text, market);
}

/** What an order waits, or waited, for: a price, or how far behind the market one moves. */
export function trigger(order: Order, market: Market | undefined): string {
  if (!order.trigger_by) return NONE;
  if (order.stop_price) {
    const rises = isReachedRising(order.order_type, order.side);
    return `${rises ? "≥" : "≤"} ${price(order.stop_price, market)}`;
  }
  const distance =
    order.trail_bps === null
      ? price(order.trail_price, market)
      : `${showAll((BigInt(order.trail_bps) * 10n ** 18n) / 100n, 0)}%`;
  return `trails ${distance}`;
}

const REASONS: Record<string, string> = {
  requested: "",
  self_trade: "it met your own order",
  ioc_unfilled: "the rest could not fill at once",
  fok_unfillable: "it could not fill wholly",
  no_liquidity: "nothing was left to trade with",
  halted: "the market was halted",
  balance_full: "your balance could not take what it would bring",
  time_over: "its time was over",
  post_only_would_cross: "it would have traded at once",
  list: "another order of its list came first",
  interrupted: "the market stopped into an auction",
  market_closed: "the market closed",
  protection: "your protection of quotes ended it",
};

/** Why an order ended, in words; empty where its owner asked for it. */
export function reason(code: string | null | undefined): string {
  return code ? (REASONS[code] ?? code.replaceAll("_", " ")) : "";
}
