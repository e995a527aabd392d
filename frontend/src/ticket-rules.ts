/**
 * What the order form checks and estimates before anything is sent. Pure and exact; the exchange
 * checks everything again and has the last word.
 */

import { type OrderBook, sweepByQuantity, sweepByQuote } from "./book.ts";
import {
  type Amount,
  ceilTo,
  divideDown,
  floorTo,
  isMultiple,
  multiplyDown,
  parse,
  read,
  showAll,
  typed,
  write,
} from "./decimal.ts";
import type { Market, PlaceOrder, Side } from "./types.ts";

export type FieldName = "price" | "quantity" | "total";
export type TimeInForce = "GTC" | "IOC" | "FOK";

export interface Draft {
  side: Side;
  type: "Limit" | "Market";
  /** What a market order is given in: base quantity, or an amount of quote. */
  measure: "quantity" | "amount";
  price: string;
  quantity: string;
  total: string;
  timeInForce: TimeInForce;
  isPostOnly: boolean;
}

export interface Funds {
  base: Amount;
  quote: Amount;
}

export type Errors = Partial<Record<FieldName, string>>;
export type OrderTerms = Omit<PlaceOrder, "user_id" | "client_order_id">;

/** All assets of the exchange that take fees are rounded up at this many decimals. */
const FEE_STEP = read("0.00000001");

/** Read one positive figure that must fit a step; or say what is wrong with it. */
function figure(text: string, name: string, step: string | null): Amount | string {
  const value = typed(text);
  if (!value) return `${name} is required.`;
  const amount = parse(value);
  if (amount === null) return `${name} must be a number such as 12.5.`;
  if (amount <= 0n) return `${name} must be more than 0.`;
  if (step && !isMultiple(amount, read(step))) return `${name} must be a multiple of ${step}.`;
  return amount;
}

/** Check a draft; return the terms to send, or what is wrong by field. Unknown funds are null. */
export function checkDraft(
  draft: Draft,
  market: Market,
  funds: Funds | null,
): { terms: OrderTerms | null; errors: Errors } {
  const errors: Errors = {};
  const terms: OrderTerms = { market: market.symbol, side: draft.side, order_type: draft.type };
  const take = (field: FieldName, name: string, step: string | null): Amount | null => {
    const value = figure(draft[field], name, step);
    if (typeof value !== "string") return value;
    errors[field] = value;
    return null;
  };
  const isByAmount = draft.type === "Market" && draft.measure === "amount";
  const price = draft.type === "Limit" ? take("price", "Price", market.price_tick) : null;
  const quantity = isByAmount ? null : take("quantity", "Quantity", market.quantity_step);
  const amount = isByAmount ? take("total", "Amount", null) : null;
  if (price !== null) terms.price = write(price);
  if (quantity !== null) terms.quantity = write(quantity);
  if (amount !== null) terms.quote_quantity = write(amount);
  const cost =
    amount ?? (price !== null && quantity !== null ? multiplyDown(price, quantity) : null);
  if (draft.type === "Limit") {
    terms.time_in_force = draft.timeInForce;
    if (draft.isPostOnly) terms.post_only = true;
  }
  checkSize(draft.side, isByAmount, quantity, cost, market, funds, errors);
  return { terms: Object.keys(errors).length ? null : terms, errors };
}

function checkSize(
  side: Side,
  isByAmount: boolean,
  quantity: Amount | null,
  cost: Amount | null,
  market: Market,
  funds: Funds | null,
  errors: Errors,
): void {
  const sized: FieldName = isByAmount ? "total" : "quantity";
  if (cost !== null && cost < read(market.min_order_size)) {
    errors[sized] ??=
      `The order must be worth at least ${market.min_order_size} ${market.quote_asset}.`;
  }
  if (!funds) return;
  if (side === "Sell" && quantity !== null && quantity > funds.base) {
    errors.quantity ??= `Only ${showAll(funds.base, 0)} ${market.base_asset} available.`;
  }
  if (side === "Buy" && cost !== null && cost > funds.quote) {
    errors.total ??= `Only ${showAll(funds.quote, 0)} ${market.quote_asset} available.`;
  }
}

export interface Estimate {
  /** Price, or for a market order the average over the book; null where nothing is to be said. */
  price: Amount | null;
  rate: string;
  fee: Amount | null;
  receive: Amount | null;
  /** The fee is taken from what is received: base for a buyer, quote for a seller. */
  asset: string;
  /** Whether the book covers a market order as it stands. */
  isCovered: boolean;
}

export function estimate(draft: Draft, market: Market, book: OrderBook): Estimate {
  const rate = draft.isPostOnly && draft.type === "Limit" ? market.maker_fee : market.taker_fee;
  const asset = draft.side === "Buy" ? market.base_asset : market.quote_asset;
  const nothing = { price: null, rate, fee: null, receive: null, asset, isCovered: true };
  const [price, quantity, total] = [draft.price, draft.quantity, draft.total].map((text) => {
    const amount = parse(typed(text));
    return amount !== null && amount > 0n ? amount : null;
  });
  let base = quantity ?? null;
  let cost: Amount;
  let isCovered = true;
  if (draft.type === "Limit") {
    if (price == null || base === null) return nothing;
    cost = multiplyDown(price, base);
  } else {
    const given = draft.measure === "amount" ? total : base;
    if (given == null) return nothing;
    const sweep =
      draft.measure === "amount"
        ? sweepByQuote(book, draft.side, given, read(market.quantity_step))
        : sweepByQuantity(book, draft.side, given);
    [base, cost, isCovered] = [sweep.quantity, sweep.cost, sweep.complete];
    if (base === 0n) return { ...nothing, isCovered: false };
  }
  const received = draft.side === "Buy" ? base : cost;
  const fee = ceilTo(multiplyDown(received, read(rate)), FEE_STEP);
  return { price: divideDown(cost, base), rate, fee, receive: received - fee, asset, isCovered };
}

/** The quantity (base) or amount (quote) that a share of the funds affords, as the API takes it. */
export function shareOf(
  percent: number,
  draft: Draft,
  market: Market,
  funds: Funds,
  book: OrderBook,
): { field: FieldName; value: string } | null {
  const step = read(market.quantity_step);
  const part = (amount: Amount) => (amount * BigInt(percent)) / 100n;
  if (draft.type === "Market" && draft.measure === "amount") {
    const funded =
      draft.side === "Buy" ? funds.quote : sweepByQuantity(book, "Sell", funds.base).cost;
    return { field: "total", value: write(floorTo(part(funded), FEE_STEP)) };
  }
  if (draft.side === "Sell") {
    return { field: "quantity", value: write(floorTo(part(funds.base), step)) };
  }
  if (draft.type === "Market") {
    const quantity = sweepByQuote(book, "Buy", part(funds.quote), step).quantity;
    return { field: "quantity", value: write(quantity) };
  }
  const price = parse(typed(draft.price));
  if (price === null || price <= 0n) return null;
  return { field: "quantity", value: write(floorTo(divideDown(part(funds.quote), price), step)) };
}

/** The whole-lot quantity that a total buys at a price. */
export function quantityForTotal(total: string, price: string, market: Market): string | null {
  const [sum, each] = [parse(typed(total)), parse(typed(price))];
  if (sum === null || each === null || each <= 0n || sum < 0n) return null;
  return write(floorTo(divideDown(sum, each), read(market.quantity_step)));
}

export function totalOf(price: string, quantity: string): string | null {
  const [each, count] = [parse(typed(price)), parse(typed(quantity))];
  if (each === null || count === null || each <= 0n || count <= 0n) return null;
  return write(multiplyDown(each, count));
}
