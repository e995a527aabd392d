/**
 * The exits of a position: a take profit and a stop loss, of which one cancels the other. Attached
 * to a limit order they follow it once it is filled; alone they are for what is there already.
 */

import { type Amount, decimalsOf, show, write } from "../core/decimal.ts";
import type { Side } from "../link/messages.ts";
import type { Market } from "../link/types.ts";
import {
  amountOf,
  type Draft,
  type Errors,
  type FieldName,
  figure,
  type Funds,
  type LegTerms,
  type ListTerms,
  type OrderTerms,
  type Prices,
} from "./draft.ts";
import { checkDraft } from "./ticket-rules.ts";

export interface Checked {
  terms: OrderTerms | null;
  list: ListTerms | null;
  errors: Errors;
}

/** Check what stands in the form: an order, one with exits, or exits alone. */
export function checkTicket(
  draft: Draft,
  market: Market,
  funds: Funds | null,
  prices: Prices,
): Checked {
  if (draft.type === "OCO") return checkPair(draft, market, funds, prices);
  const { terms, errors } = checkDraft(draft, market, funds, prices);
  const { profit, loss } = draft.asks;
  if (draft.type !== "Limit" || (!profit && !loss)) return { terms, list: null, errors };
  const side = draft.side === "Buy" ? "Sell" : "Buy";
  const from = { price: amountOf(draft.price), name: "the order's price" };
  const exits = exitsOf(draft, market, side, from, errors);
  if (!terms || Object.keys(errors).length) return { terms: null, list: null, errors };
  const { market: symbol, ...entry } = terms;
  const kind = exits.length === 2 ? "OTOCO" : "OTO";
  return { terms: null, list: { market: symbol, kind, orders: [entry, ...exits] }, errors };
}

function checkPair(draft: Draft, market: Market, funds: Funds | null, prices: Prices): Checked {
  const errors: Errors = {};
  const quantity = figure(
    draft.quantity,
    "Quantity",
    market.quantity_step,
    market.max_quantity,
  );
  if (typeof quantity === "string") errors.quantity = quantity;
  else if (funds && draft.side === "Sell" && quantity > funds.base)
    errors.quantity = `Only ${show(funds.base, decimalsOf(market.quantity_step))} ${market.base_asset} available.`;
  if (!draft.asks.profit) errors.profit = "Take profit is required.";
  if (!draft.asks.loss) errors.loss = "Stop loss is required.";
  const from = { price: prices.last, name: "the last price" };
  const orders = exitsOf(draft, market, draft.side, from, errors);
  const isRight = Object.keys(errors).length === 0;
  const list: ListTerms = { market: market.symbol, kind: "OCO", orders };
  return { terms: null, list: isRight ? list : null, errors };
}

/** The exits that were asked for; what is wrong with them is said by `errors`. */
function exitsOf(
  draft: Draft,
  market: Market,
  side: Side,
  from: { price: Amount | null; name: string },
  errors: Errors,
): LegTerms[] {
  const take = (field: FieldName & ("profit" | "loss"), name: string, isAbove: boolean) => {
    const text = draft.asks[field];
    if (!text) return null;
    const price = figure(text, name, market.price_tick, market.max_price);
    if (typeof price === "string") {
      errors[field] ??= price;
      return null;
    }
    if (from.price !== null && (isAbove ? price <= from.price : price >= from.price)) {
      const at = show(from.price, decimalsOf(market.price_tick));
      errors[field] ??= `${name} must be ${isAbove ? "above" : "below"} ${from.name}, ${at}.`;
    }
    return write(price);
  };
  const quantity = write(amountOf(draft.quantity) ?? 0n);
  const sells = side === "Sell";
  const [profit, loss] = [take("profit", "Take profit", sells), take("loss", "Stop loss", !sells)];
  const exits: LegTerms[] = [];
  if (profit !== null) exits.push({ side, order_type: "Limit", price: profit, quantity });
  if (loss !== null) exits.push({ side, order_type: "Stop", stop_price: loss, quantity });
  return exits;
}
