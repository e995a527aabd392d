/** What is typed into an open order's row: what it would be sent as, and what becomes of its place. */

import { read } from "../core/decimal.ts";
import type { AmendOrderIn, Market } from "../link/types.ts";
import { figure, type Prices } from "./draft.ts";
import { amendmentOf, type Effect, effectOf, type Grip, type Terms } from "./grips.ts";

export interface Typed {
  price: string;
  quantity: string;
}

export interface RowEdit {
  /** Null while something is wrong, or nothing is another. */
  amendment: AmendOrderIn | null;
  effect: Effect;
  /** What is wrong with the first figure that is. */
  error: string;
}

const UNCHANGED: RowEdit = { amendment: null, effect: "same", error: "" };

/** Read what is typed of an order; nothing is sent that the exchange would not take as it is. */
export function editOf(grip: Grip, typed: Typed, market: Market, prices: Prices): RowEdit {
  const name = grip.field === "stop_price" ? "Trigger" : "Price";
  const price = figure(typed.price, name, market.price_tick, market.max_price);
  if (typeof price === "string") return { ...UNCHANGED, error: price };
  let { quantity } = grip.terms;
  if (quantity !== 0n) {
    const read = figure(typed.quantity, "Quantity", market.quantity_step, market.max_quantity);
    if (typeof read === "string") return { ...UNCHANGED, error: read };
    quantity = read;
    const error = tooSmall(grip, quantity);
    if (error) return { ...UNCHANGED, error };
  }
  const next: Terms = { price, quantity };
  const effect = effectOf(grip, next, prices);
  return effect === "same" ? UNCHANGED : { amendment: amendmentOf(grip, next), effect, error: "" };
}

/** The total has to leave something of an order. */
function tooSmall({ order }: Grip, quantity: bigint): string {
  const gone = read(order.filled_quantity) + read(order.prevented_quantity);
  return quantity > gone ? "" : "Quantity must be more than what is filled.";
}
