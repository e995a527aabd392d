/** What stands in the order form, as it was typed; and how one figure of it is read. */

import { type Amount, isMultiple, parse, read, showAll, typed } from "../core/decimal.ts";
import type { Side } from "../link/messages.ts";
import type { ListedOrderIn, Order, PlaceListIn, PlaceOrderIn } from "../link/types.ts";
import type { TicketKind, TimeInForce } from "./order-kinds.ts";

export type FieldName =
  | "stop"
  | "trail"
  | "price"
  | "quantity"
  | "total"
  | "until"
  | "activation"
  | "show"
  | "protection"
  | "profit"
  | "loss";

export interface Draft {
  side: Side;
  type: TicketKind;
  /** What a market order is given in: base quantity, or an amount of quote. */
  measure: "quantity" | "amount";
  price: string;
  quantity: string;
  total: string;
  timeInForce: TimeInForce;
  isPostOnly: boolean;
  asks: Asks;
}

/** What few orders ask for; texts are empty where they do not. */
export interface Asks {
  /** The price that it waits for, or how far behind the market that price moves. */
  stop: string;
  trail: string;
  trailUnit: "price" | "percent";
  /** From where on it trails. */
  activation: string;
  triggerBy: NonNullable<Order["trigger_by"]>;
  /** Until when it is good, in the reader's own time: `2026-01-31T12:00`. */
  until: string;
  /** A post-only order that would trade takes the next price that does not. */
  slides: boolean;
  /** How much of an iceberg the book shows. */
  show: string;
  /** The worst price of a market order, or by how many percent it may slip; empty: by any. */
  protection: string;
  slippage: string;
  selfTrade: Order["self_trade_prevention"];
  /** The exits of a position: at a better price, and once the price has come this far. */
  profit: string;
  loss: string;
}

export const NOTHING_ASKED: Asks = {
  stop: "",
  trail: "",
  trailUnit: "percent",
  activation: "",
  triggerBy: "Last",
  until: "",
  slides: false,
  show: "",
  protection: "",
  slippage: "",
  selfTrade: null,
  profit: "",
  loss: "",
};

export interface Funds {
  base: Amount;
  quote: Amount;
}

/** The prices that triggers look at, as they are now; null where there is none. */
export interface Prices {
  last: Amount | null;
  bid: Amount | null;
  ask: Amount | null;
}

export type Errors = Partial<Record<FieldName, string>>;
/** An order of a list, and a list of them, as they are sent. */
export type LegTerms = ListedOrderIn;
export type ListTerms = Omit<PlaceListIn, "user_id" | "client_list_id">;
export type OrderTerms = Omit<PlaceOrderIn, "user_id" | "client_order_id">;

/** Reads a field; null where it is wrong, which `errors` then says. */
export type Take = (field: FieldName, name: string, step: string, maximum: string) => Amount | null;

/** Read one positive figure that must fit a step and a maximum; or say what is wrong with it. */
export function figure(
  text: string,
  name: string,
  step: string,
  maximum: string,
): Amount | string {
  const value = typed(text);
  if (!value) return `${name} is required.`;
  const amount = parse(value);
  if (amount === null && value.includes(",")) {
    return `${name}: write a point before decimals (12.5); a comma only parts thousands (1,000).`;
  }
  if (amount === null) return `${name} must be a number such as 12.5.`;
  if (amount <= 0n) return `${name} must be more than 0.`;
  if (!isMultiple(amount, read(step))) return `${name} must be a multiple of ${step}.`;
  if (amount > read(maximum)) return `${name} must be at most ${showAll(read(maximum), 0)}.`;
  return amount;
}

/** Read what may stand in a field; null for what is empty, zero or no number. */
export function amountOf(text: string): Amount | null {
  const amount = parse(typed(text));
  return amount !== null && amount > 0n ? amount : null;
}
