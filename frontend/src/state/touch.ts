/** Prices from the top of the book: the best ones, the middle, and how far from them an order may trade. */

import { type Amount, ceilTo, floorTo, multiplyDown, parse, read, typed, write } from "../core/decimal.ts";
import type { Side } from "../link/messages.ts";
import type { Market } from "../link/types.ts";
import type { Draft, Prices } from "./draft.ts";

export type Touch = "bid" | "mid" | "ask";

/** Percents are written as such: 0.3 is 0.003 of a price. */
const PERCENT = 100n;

/** A price of the book; the middle is rounded to where the order waits rather than trades. */
export function touchPrice(touch: Touch, side: Side, { bid, ask }: Prices, market: Market): Amount | null {
  if (touch !== "mid") return touch === "bid" ? bid : ask;
  if (bid === null || ask === null) return null;
  const [middle, tick] = [(bid + ask) / 2n, read(market.price_tick)];
  return side === "Buy" ? floorTo(middle, tick) : ceilTo(middle, tick);
}

/** A percentage as it was typed; null where it is none, or not above 0 and below 100. */
export function percentOf(text: string): Amount | null {
  const percent = parse(typed(text));
  const isOne = percent !== null && percent > 0n && percent < PERCENT * 10n ** 18n;
  return isOne ? percent : null;
}

/** A share of an amount in percent. */
export function shareOf(amount: Amount, percent: Amount): Amount {
  return multiplyDown(amount, percent) / PERCENT;
}

/**
 * The worst price at which an order trades that may slip so far from the best one: a multiple of the
 * tick within that, and never better than the best price itself. Null: there is nothing to trade with.
 */
export function worstWithin(percent: Amount, side: Side, { bid, ask }: Prices, market: Market): Amount | null {
  const [tick, most] = [read(market.price_tick), read(market.max_price)];
  if (side === "Buy") {
    if (ask === null) return null;
    const worst = floorTo(ask + shareOf(ask, percent), tick);
    return worst > most ? floorTo(most, tick) : worst;
  }
  if (bid === null) return null;
  const worst = ceilTo(bid - shareOf(bid, percent), tick);
  return worst > 0n ? worst : tick;
}

/**
 * A draft with the worst price that its limit on slippage comes to. That is the engine's own
 * protection price (docs/matching-conditions.md): one that was typed counts instead.
 */
export function withSlippage(draft: Draft, prices: Prices, market: Market): Draft {
  const percent = draft.type === "Market" ? percentOf(draft.asks.slippage) : null;
  if (percent === null || draft.asks.protection) return draft;
  const worst = worstWithin(percent, draft.side, prices, market);
  return worst === null ? draft : { ...draft, asks: { ...draft.asks, protection: write(worst) } };
}

/** What is wrong with a limit on slippage; empty where nothing is. */
export function slippageError(draft: Draft, { bid, ask }: Prices): string {
  if (draft.type !== "Market" || draft.asks.protection || !draft.asks.slippage) return "";
  if (percentOf(draft.asks.slippage) === null) return "Slippage must be more than 0% and less than 100%.";
  const best = draft.side === "Buy" ? ask : bid;
  return best === null ? "There is no price in the book to count slippage from." : "";
}
