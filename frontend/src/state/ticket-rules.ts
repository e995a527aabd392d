/**
 * What the order form checks and estimates before anything is sent. Pure and exact; the exchange
 * checks everything again and has the last word.
 */

import {
  type Amount,
  ceilTo,
  decimalsOf,
  divideDown,
  floorTo,
  multiplyDown,
  parse,
  read,
  show,
  showAll,
  typed,
  write,
} from "../core/decimal.ts";
import type { Market } from "../link/types.ts";
import { type Match, type OrderBook, sweepByQuantity, sweepByQuote } from "./book.ts";
import {
  amountOf,
  type Draft,
  type Errors,
  type FieldName,
  figure,
  type Funds,
  type OrderTerms,
  type Prices,
} from "./draft.ts";
import { feeOf, type Rates, unitOf } from "./fees.ts";
import { rests, traitsOf } from "./order-kinds.ts";
import { slippageError } from "./touch.ts";
import { affordedQuantity, checkAsks, holdOf } from "./trigger-rules.ts";

const UNKNOWN: Prices = { last: null, bid: null, ask: null };

/** Check a draft; return the terms to send, or what is wrong by field. Unknown funds are null. */
export function checkDraft(
  draft: Draft,
  market: Market,
  funds: Funds | null,
  prices: Prices = UNKNOWN,
): { terms: OrderTerms | null; errors: Errors } {
  const errors: Errors = {};
  const kind = draft.type === "OCO" ? "Limit" : draft.type;
  const terms: OrderTerms = { market: market.symbol, side: draft.side, order_type: kind };
  const take = (field: FieldName, name: string, step: string, maximum: string): Amount | null => {
    const value = figure({ ...draft.asks, ...draft }[field], name, step, maximum);
    if (typeof value !== "string") return value;
    errors[field] = value;
    return null;
  };
  const { isLimit, waits } = traitsOf(draft.type);
  const isByAmount = !isLimit && draft.measure === "amount";
  const price = isLimit ? take("price", "Price", market.price_tick, market.max_price) : null;
  const quantity = isByAmount
    ? null
    : take("quantity", "Quantity", market.quantity_step, market.max_quantity);
  const cent = write(unitOf(market.quote_scale));
  const amount = isByAmount ? take("total", "Amount", cent, market.max_order_size) : null;
  if (price !== null) terms.price = write(price);
  if (quantity !== null) terms.quantity = write(quantity);
  if (amount !== null) terms.quote_quantity = write(amount);
  const cost =
    amount ?? (price !== null && quantity !== null ? multiplyDown(price, quantity) : null);
  // A market order that waits is good until its price comes, unless a time is set.
  if (isLimit || (waits && draft.timeInForce !== "GTC")) terms.time_in_force = draft.timeInForce;
  if (isLimit && draft.isPostOnly) terms.post_only = true;
  checkAsks(draft, market, prices, take, terms, errors);
  const slips = slippageError(draft, prices);
  if (slips) errors[isByAmount ? "total" : "quantity"] ??= slips;
  checkSize(isByAmount, cost, market, errors);
  if (funds) {
    const held = waits ? (holdOf(draft, market, prices)?.amount ?? null) : cost;
    checkFunds(draft, quantity, held, market, funds, errors);
  }
  return { terms: Object.keys(errors).length ? null : terms, errors };
}

function checkSize(
  isByAmount: boolean,
  cost: Amount | null,
  market: Market,
  errors: Errors,
): void {
  const sized: FieldName = isByAmount ? "total" : "quantity";
  if (cost !== null && cost < read(market.min_order_size)) {
    errors[sized] ??=
      `The order must be worth at least ${market.min_order_size} ${market.quote_asset}.`;
  }
  if (cost !== null && cost > read(market.max_order_size)) {
    const most = showAll(read(market.max_order_size), 0);
    errors[sized] ??= `The order may be worth at most ${most} ${market.quote_asset}.`;
  }
}

function checkFunds(
  draft: Draft,
  quantity: Amount | null,
  held: Amount | null,
  market: Market,
  funds: Funds,
  errors: Errors,
): void {
  if (draft.side === "Sell" && quantity !== null && quantity > funds.base) {
    errors.quantity ??= `Only ${showAll(funds.base, 0)} ${market.base_asset} available.`;
  }
  if (draft.side === "Buy" && held !== null && held > funds.quote) {
    const isTotalShown = traitsOf(draft.type).isLimit || draft.measure === "amount";
    errors[isTotalShown ? "total" : "quantity"] ??=
      `Only ${showAll(funds.quote, 0)} ${market.quote_asset} available.`;
  }
}

export interface Estimate {
  /** The average price of all that trades; null where nothing is to be said. */
  price: Amount | null;
  /** The rates that apply: the taker's, the maker's, or both. */
  rates: string[];
  fee: Amount | null;
  receive: Amount | null;
  /** The fee is taken from what is received: base for a buyer, quote for a seller. */
  asset: string;
  /** The worst price of what trades, and how far the average slips from the best one, in 1/10,000. */
  worst: Amount | null;
  slippageBps: Amount | null;
  /** Whether the book covers, as it stands, what has to trade at once. */
  isCovered: boolean;
}

/**
 * What an order would bring if it met the book as it stands: what crosses trades at the book's
 * prices and the taker's rate, and what rests (of a limit order that may) at its own
 * price and the maker's rate. As in the engine each match bears its own fee; orders at one price
 * count as one.
 */
export function estimate(draft: Draft, market: Market, book: OrderBook, rates: Rates): Estimate {
  const isBuy = draft.side === "Buy";
  const asset = isBuy ? market.base_asset : market.quote_asset;
  const scale = isBuy ? market.base_scale : market.quote_scale;
  const plan = planOf(draft, market, book);
  const used = plan?.taken.length || draft.type === "Market" ? [rates.taker] : [];
  if (plan?.rest || (!used.length && draft.isPostOnly)) used.push(rates.maker);
  const rated = [...new Set(used.length ? used : [rates.taker])];
  const nothing = { price: null, rates: rated, fee: null, receive: null, asset, worst: null, slippageBps: null };
  if (!plan) return { ...nothing, isCovered: true };
  const matches = plan.rest ? [...plan.taken, plan.rest] : plan.taken;
  if (!matches.length) return { ...nothing, isCovered: false };
  let [quantity, cost, fee] = [0n, 0n, 0n];
  for (const match of matches) {
    const rate = match === plan.rest ? rates.maker : rates.taker;
    quantity += match.quantity;
    cost += match.cost;
    fee += feeOf(isBuy ? match.quantity : match.cost, rate, scale);
  }
  return {
    ...slipOf(plan.taken),
    price: divideDown(cost, quantity),
    rates: rated,
    fee,
    receive: (isBuy ? quantity : cost) - fee,
    asset,
    isCovered: plan.isCovered,
  };
}

function slipOf(taken: readonly Match[]): Pick<Estimate, "worst" | "slippageBps"> {
  const [best, worst] = [taken[0]?.price, taken.at(-1)?.price];
  if (best === undefined || worst === undefined) return { worst: null, slippageBps: null };
  const sum = (field: "quantity" | "cost") => taken.reduce((total, match) => total + match[field], 0n);
  const average = divideDown(sum("cost"), sum("quantity"));
  const gap = average > best ? average - best : best - average;
  return { worst, slippageBps: divideDown(gap * BPS, best) };
}

const BPS = 10_000n;

/** What trades at once, what rests, and whether nothing is missing; null: not enough is known. */
interface Plan {
  taken: Match[];
  rest: Match | null;
  isCovered: boolean;
}

function planOf(draft: Draft, market: Market, book: OrderBook): Plan | null {
  // What comes of it is not known before its price does.
  if (traitsOf(draft.type).waits) return null;
  const [price, quantity, total] = [draft.price, draft.quantity, draft.total].map(amountOf);
  if (draft.type === "Market") {
    const isByAmount = draft.measure === "amount";
    const given = isByAmount ? total : quantity;
    if (given == null) return null;
    const worst = amountOf(draft.asks.protection);
    const sweep = isByAmount
      ? sweepByQuote(book, draft.side, given, read(market.quantity_step), worst)
      : sweepByQuantity(book, draft.side, given, worst);
    return { taken: sweep.matches, rest: null, isCovered: sweep.complete };
  }
  if (price == null || quantity == null) return null;
  const resting = (left: Amount): Match | null =>
    left > 0n ? { price, quantity: left, cost: multiplyDown(price, left) } : null;
  if (draft.isPostOnly) return { taken: [], rest: resting(quantity), isCovered: true };
  const sweep = sweepByQuantity(book, draft.side, quantity, price);
  if (draft.timeInForce === "FOK" && !sweep.complete) {
    return { taken: [], rest: null, isCovered: false };
  }
  if (!rests(draft.timeInForce)) {
    return { taken: sweep.matches, rest: null, isCovered: sweep.complete };
  }
  return { taken: sweep.matches, rest: resting(quantity - sweep.quantity), isCovered: true };
}

/** From and to which price a limit order is taken now; null where any is. */
export function priceBand(market: Market, last: string | null | undefined): string | null {
  if (market.max_price_deviation === null || !last) return null;
  const [tick, middle] = [read(market.price_tick), read(last)];
  const reach = multiplyDown(middle, read(market.max_price_deviation));
  const decimals = decimalsOf(market.price_tick);
  const low = show(ceilTo(middle - reach, tick), decimals);
  return `from ${low} to ${show(floorTo(middle + reach, tick), decimals)}`;
}

/** The quantity (base) or amount (quote) that a share of the funds affords, as the API takes it. */
export function shareOf(
  percent: number,
  draft: Draft,
  market: Market,
  funds: Funds,
  book: OrderBook,
  prices: Prices = UNKNOWN,
): { field: "quantity" | "total"; value: string } | null {
  const step = read(market.quantity_step);
  const part = (amount: Amount) => (amount * BigInt(percent)) / 100n;
  const { isLimit, waits } = traitsOf(draft.type);
  if (!isLimit && draft.measure === "amount") {
    const funded =
      draft.side === "Buy" ? funds.quote : sweepByQuantity(book, "Sell", funds.base).cost;
    return { field: "total", value: write(floorTo(part(funded), unitOf(market.quote_scale))) };
  }
  if (draft.side === "Sell") {
    return { field: "quantity", value: write(floorTo(part(funds.base), step)) };
  }
  if (!isLimit && waits) {
    const quantity = affordedQuantity(part(funds.quote), draft, market, prices);
    return quantity === null ? null : { field: "quantity", value: write(quantity) };
  }
  if (!isLimit) {
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
