/**
 * What is odd about an order before it is sent: each rule is off, asks, or blocks, as its owner set
 * it. One place for the form, typed orders, moved grips and edited rows. Pure; the exchange's own rules
 * (a price band, the balance) are not repeated here.
 */

import { type Amount, divideDown, multiplyDown, parse, show, showAll } from "../core/decimal.ts";
import type { Side } from "../link/messages.ts";
import type { Market, PageWarnings } from "../link/types.ts";
import { type OrderBook, sweepByQuantity, sweepByQuote } from "./book.ts";
import { amountOf, type Draft, type Funds, type Prices } from "./draft.ts";
import { traitsOf } from "./order-kinds.ts";

export type Rule = keyof PageWarnings;
export type Act = "off" | "ask" | "block";
export type Rules = Record<Rule, { act: Act; limit: string }>;

/** In the order in which they are told; `unit`: what the limit is in, empty where there is none. */
export const RULES: Record<Rule, { label: string; short: string; unit: "" | "%" | "quote" }> = {
  through: { label: "Price through the market, by more than", short: "price through the market", unit: "%" },
  away: { label: "Price away from the market, by more than", short: "price far from the market", unit: "%" },
  thin: { label: "Market order, and not enough in the book", short: "not enough in the book", unit: "" },
  deep: { label: "Limit order larger than the book's other side", short: "larger than the book", unit: "" },
  share: { label: "Takes more of what is available than", short: "too large a share", unit: "%" },
  worth: { label: "Worth more than, in the quote asset", short: "worth too much", unit: "quote" },
};

export const AT_FIRST: Rules = {
  through: { act: "ask", limit: "5" },
  away: { act: "off", limit: "50" },
  thin: { act: "ask", limit: "" },
  deep: { act: "off", limit: "" },
  share: { act: "off", limit: "50" },
  worth: { act: "off", limit: "10000" },
};

/** The rules as they were kept, with what that leaves out. */
export function wholeRules(kept: Partial<Record<Rule, { act?: Act; limit?: string }>> = {}): Rules {
  const rules = Object.entries(AT_FIRST) as [Rule, Rules[Rule]][];
  return Object.fromEntries(rules.map(([rule, first]) => [rule, { ...first, ...kept[rule] }])) as Rules;
}

export interface Warning {
  rule: Rule;
  act: Exclude<Act, "off">;
  text: string;
}

const PERCENT = 100n * 10n ** 18n;

/** How far a price is through the market (above 0) or away from it (below), in percent; null: no market. */
export function distanceOf(side: Side, price: Amount, { bid, ask, last }: Prices): Amount | null {
  const [opposite, own] = side === "Buy" ? [ask, bid] : [bid, ask];
  const beyond = (from: Amount) => {
    const gap = side === "Buy" ? price - from : from - price;
    const share = divideDown(multiplyDown(gap < 0n ? -gap : gap, PERCENT), from);
    return gap < 0n ? -share : share;
  };
  // Where the other side is empty there is nothing to trade through.
  if (opposite !== null && beyond(opposite) > 0n) return beyond(opposite);
  const away = own ?? last ?? opposite;
  if (away === null) return null;
  return beyond(away) < 0n ? beyond(away) : 0n;
}

/** What is odd about a price, of an order that is new or amended. */
export function warningsOfPrice(side: Side, price: Amount, prices: Prices, rules: Rules): Warning[] {
  const distance = distanceOf(side, price, prices);
  if (distance === null || distance === 0n) return [];
  const rule = distance > 0n ? "through" : "away";
  const size = distance > 0n ? distance : -distance;
  const words = rule === "through" ? "through the market" : "away from the market";
  return found(rule, rules, size, `The price is ${show(size, 1)}% ${words}`);
}

/** What is odd about a draft, as the market stands. */
export function warningsOf(
  draft: Draft,
  market: Market,
  book: OrderBook,
  prices: Prices,
  funds: Funds | null,
  rules: Rules,
): Warning[] {
  const { isLimit, waits } = traitsOf(draft.type);
  const [price, quantity, total] = [draft.price, draft.quantity, draft.total].map(amountOf);
  const warnings: Warning[] = [];
  if (draft.type === "Limit" && price != null) warnings.push(...warningsOfPrice(draft.side, price, prices, rules));
  if (draft.type === "Market") warnings.push(...thin(draft, market, book, rules));
  if (draft.type === "Limit" && quantity != null) warnings.push(...deep(draft.side, quantity, market, book, rules));
  const isByAmount = !isLimit && draft.measure === "amount";
  const each = isLimit ? price : waits ? amountOf(draft.asks.stop) : (prices.last ?? prices.ask);
  const given = isByAmount ? total : quantity;
  if (given == null) return warnings;
  const worth = isByAmount ? given : each == null ? null : multiplyDown(given, each);
  if (worth !== null) {
    const text = `It is worth ${showAll(worth, 2)} ${market.quote_asset}`;
    warnings.push(...found("worth", rules, worth, text));
  }
  if (funds) warnings.push(...share(draft.side, isByAmount ? null : given, worth, funds, rules));
  return warnings;
}

function thin(draft: Draft, market: Market, book: OrderBook, rules: Rules): Warning[] {
  const isByAmount = draft.measure === "amount";
  const given = amountOf(isByAmount ? draft.total : draft.quantity);
  if (given === null) return [];
  const worst = amountOf(draft.asks.protection);
  const sweep = isByAmount
    ? sweepByQuote(book, draft.side, given, parse(market.quantity_step) ?? 0n, worst)
    : sweepByQuantity(book, draft.side, given, worst);
  if (sweep.complete) return [];
  const within = worst === null ? "The book has" : "Within its worst price the book has";
  const text = `${within} only ${showAll(sweep.quantity, 0)} ${market.base_asset}`;
  return told("thin", rules, text);
}

function deep(side: Side, quantity: Amount, market: Market, book: OrderBook, rules: Rules): Warning[] {
  const other = side === "Buy" ? book.asks : book.bids;
  const all = other.reduce((sum, level) => sum + level.quantity, 0n);
  if (all === 0n || quantity <= all) return [];
  return told("deep", rules, `The other side of the book has ${showAll(all, 0)} ${market.base_asset} in all`);
}

/** What is sold is a share of what is had, what is bought a share of what it is paid in. */
function share(side: Side, quantity: Amount | null, worth: Amount | null, funds: Funds, rules: Rules): Warning[] {
  const [used, had] = side === "Sell" && quantity !== null ? [quantity, funds.base] : [worth, funds.quote];
  // What is not there at all is refused, and said so, elsewhere.
  if (used === null || had === 0n || used > had || (side === "Sell" && quantity === null)) return [];
  const percent = divideDown(multiplyDown(used, PERCENT), had);
  return found("share", rules, percent, `It takes ${show(percent, 0)}% of what is available`);
}

function found(rule: Rule, rules: Rules, value: Amount, text: string): Warning[] {
  const limit = parse(rules[rule].limit);
  return limit !== null && value > limit ? told(rule, rules, text) : [];
}

function told(rule: Rule, rules: Rules, text: string): Warning[] {
  const { act } = rules[rule];
  return act === "off" ? [] : [{ rule, act, text: `${text}.` }];
}

/** The warnings of one kind, as one text; empty where there are none. */
export function textOf(warnings: readonly Warning[], act: Warning["act"]): string {
  return warnings
    .filter((warning) => warning.act === act)
    .map(({ text }) => text)
    .join(" ");
}
