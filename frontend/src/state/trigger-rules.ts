/**
 * What the order form checks and foretells of what few orders ask for: prices to wait for, trails,
 * expiries, icebergs, worst prices. Pure and exact; the exchange has the last word.
 */

import {
  type Amount,
  ceilTo,
  decimalsOf,
  divideDown,
  floorTo,
  multiplyDown,
  read,
  show,
  write,
} from "../core/decimal.ts";
import type { Market } from "../link/types.ts";
import { amountOf, type Draft, type Errors, type OrderTerms, type Prices, type Take } from "./draft.ts";
import { isReachedRising, rests, traitsOf } from "./order-kinds.ts";

const ONE = 10n ** 18n;
/** A ten thousandth, in percent. */
const BPS = "0.01";

/** Check what few orders ask for, and add it to the terms. */
export function checkAsks(
  draft: Draft,
  market: Market,
  prices: Prices,
  take: Take,
  terms: OrderTerms,
  errors: Errors,
): void {
  const { isLimit, waits } = traitsOf(draft.type);
  const { asks } = draft;
  const takePrice = (field: "stop" | "trail" | "activation" | "protection", name: string) =>
    take(field, name, market.price_tick, market.max_price);
  if (waits) checkWait(draft, market, prices, take, terms, errors);
  if (isLimit && rests(draft.timeInForce) && asks.show) {
    const shown = take("show", "Shown quantity", market.quantity_step, market.max_quantity);
    const least = leastShown(draft, market);
    if (shown !== null && shown < least)
      errors.show = `At least ${write(least)} of it must be shown.`;
    if (shown !== null) terms.display_quantity = write(shown);
  }
  if (!isLimit && asks.protection) {
    const worst = takePrice("protection", "Worst price");
    if (worst !== null) terms.protection_price = write(worst);
  }
  if (draft.isPostOnly && asks.slides) terms.post_only_mode = "Slide";
  if (asks.selfTrade) terms.self_trade_prevention = asks.selfTrade;
  if (draft.timeInForce === "GTD" && (isLimit || waits)) checkExpiry(asks.until, terms, errors);
}

function leastShown(draft: Draft, market: Market): Amount {
  const quantity = amountOf(draft.quantity) ?? 0n;
  const parts = BigInt(market.max_iceberg_parts);
  return ceilTo((quantity + parts - 1n) / parts, read(market.quantity_step));
}

function checkWait(
  draft: Draft,
  market: Market,
  prices: Prices,
  take: Take,
  terms: OrderTerms,
  errors: Errors,
): void {
  const { asks } = draft;
  if (asks.triggerBy !== "Last") terms.trigger_by = asks.triggerBy;
  if (!traitsOf(draft.type).trails) {
    const stop = take("stop", "Trigger price", market.price_tick, market.max_price);
    if (stop === null) return;
    terms.stop_price = write(stop);
    const reached = reachedAlready(draft, stop, market, prices);
    if (reached) errors.stop = reached;
    return;
  }
  if (asks.trailUnit === "price") {
    const distance = take("trail", "Distance", market.price_tick, market.max_price);
    if (distance !== null) terms.trail_price = write(distance);
  } else {
    const [least, most] = [percentOf(market.min_trail_bps), percentOf(market.max_trail_bps)];
    const percent = take("trail", "Distance", BPS, write(most));
    if (percent !== null && percent < least)
      errors.trail = `Distance must be at least ${write(least)}%.`;
    if (percent !== null) terms.trail_bps = Number((percent * 100n) / ONE);
  }
  if (!asks.activation) return;
  const activation = take("activation", "Price to begin at", market.price_tick, market.max_price);
  if (activation !== null) terms.activation_price = write(activation);
}

function checkExpiry(until: string, terms: OrderTerms, errors: Errors): void {
  const moment = new Date(until);
  if (!until || Number.isNaN(moment.getTime())) errors.until = "Say until when the order is good.";
  else if (moment.getTime() <= Date.now()) errors.until = "This time has passed.";
  else terms.expires_at = moment.toISOString();
}

function percentOf(bps: number): Amount {
  return (BigInt(bps) * ONE) / 100n;
}

/** The price that an order looks at: of the last trade, or the best that it would trade with. */
export function referenceOf(draft: Draft, prices: Prices): Amount | null {
  if (draft.asks.triggerBy === "Last") return prices.last;
  return draft.side === "Sell" ? prices.bid : prices.ask;
}

/** Why an order would trigger at once, which the exchange refuses; empty where it waits. */
function reachedAlready(draft: Draft, stop: Amount, market: Market, prices: Prices): string {
  const reference = referenceOf(draft, prices);
  if (reference === null) return "";
  const rises = isReachedRising(draft.type, draft.side);
  if (rises ? reference < stop : reference > stop) return "";
  const [what, where] = [draft.asks.triggerBy === "Last" ? "last" : "best", rises ? "above" : "below"];
  const now = show(reference, decimalsOf(market.price_tick));
  return `Trigger price must be ${where} the ${what} price, ${now} now.`;
}

/** At which price an order enters, and how far that is from the last one. */
export interface Trigger {
  price: Amount;
  /** Reached from below. */
  rises: boolean;
  /** In percent of the last price; null where there is none. */
  distance: Amount | null;
}

/** Where an order triggers; of one that trails, where it would if it began now. Null: unknown. */
export function triggerOf(draft: Draft, market: Market, prices: Prices): Trigger | null {
  const rises = isReachedRising(draft.type, draft.side);
  const price = traitsOf(draft.type).trails
    ? trailedPrice(draft, market, prices, rises)
    : amountOf(draft.asks.stop);
  if (price === null) return null;
  const { last } = prices;
  const distance = last && ((price - last) * 100n * ONE) / last;
  return { price, rises, distance };
}

function trailedPrice(
  draft: Draft,
  market: Market,
  prices: Prices,
  rises: boolean,
): Amount | null {
  const [amount, tick] = [amountOf(draft.asks.trail), read(market.price_tick)];
  const from = amountOf(draft.asks.activation) ?? referenceOf(draft, prices);
  if (amount === null || from === null) return null;
  const distance =
    draft.asks.trailUnit === "price" ? amount : multiplyDown(from, amount) / 100n;
  const price = rises ? ceilTo(from + distance, tick) : floorTo(from - distance, tick);
  return price > 0n ? price : null;
}

/** What an order holds while it waits, and whether that is exact; null: not enough is known. */
export interface Hold {
  amount: Amount;
  asset: string;
  isExact: boolean;
}

export function holdOf(draft: Draft, market: Market, prices: Prices): Hold | null {
  const quantity = amountOf(draft.quantity);
  if (draft.side === "Sell")
    return quantity === null ? null : { amount: quantity, asset: market.base_asset, isExact: true };
  const asset = market.quote_asset;
  const { isLimit, trails } = traitsOf(draft.type);
  if (!isLimit && draft.measure === "amount") {
    const total = amountOf(draft.total);
    return total === null ? null : { amount: total, asset, isExact: true };
  }
  const price = isLimit ? amountOf(draft.price) : worstPrice(draft, market, prices);
  if (quantity === null || price === null) return null;
  const isExact = isLimit || !trails || amountOf(draft.asks.protection) !== null;
  return { amount: multiplyDown(price, quantity), asset, isExact };
}

/** Up to which price a market order to buy that waits holds funds. */
export function worstPrice(draft: Draft, market: Market, prices: Prices): Amount | null {
  const given = amountOf(draft.asks.protection);
  const trigger = given ?? triggerOf(draft, market, prices)?.price ?? null;
  if (given !== null || trigger === null) return given;
  const above = multiplyDown(trigger, read(market.trigger_protection));
  return trigger + ceilTo(above, read(market.price_tick));
}

/** The quantity that a share of the funds affords of a market order to buy that waits. */
export function affordedQuantity(
  funds: Amount,
  draft: Draft,
  market: Market,
  prices: Prices,
): Amount | null {
  const price = worstPrice(draft, market, prices);
  return price && floorTo(divideDown(funds, price), read(market.quantity_step));
}
