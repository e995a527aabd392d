/** What the order form foretells: of an order that trades now, or of one that waits for its price. */

import { decimalsOf, show, showAll, write } from "../core/decimal.ts";
import { find, findAll, setText } from "../core/dom.ts";
import * as format from "../core/format.ts";
import type { Market } from "../link/types.ts";
import type { OrderBook } from "../state/book.ts";
import type { Draft, Prices } from "../state/draft.ts";
import type { Rates } from "../state/fees.ts";
import { traitsOf } from "../state/order-kinds.ts";
import { estimate } from "../state/ticket-rules.ts";
import { holdOf, triggerOf } from "../state/trigger-rules.ts";

export function drawEstimate(
  element: HTMLElement,
  draft: Draft,
  market: Market,
  book: OrderBook,
  rates: Rates,
  prices: Prices,
): void {
  const { waits } = traitsOf(draft.type);
  for (const row of findAll(element, "[data-when]"))
    row.hidden = row.dataset["when"] !== (waits ? "waits" : "now");
  if (waits) drawWait(element, draft, market, prices);
  else drawNow(element, draft, market, book, rates);
}

function drawNow(
  element: HTMLElement,
  draft: Draft,
  market: Market,
  book: OrderBook,
  rates: Rates,
): void {
  const guess = estimate(draft, market, book, rates);
  const money = (value: bigint | null) =>
    value === null ? format.NONE : `${format.balance(write(value))} ${guess.asset}`;
  const isMarket = draft.type === "Market";
  setText(find(element, "#estimate-label"), isMarket ? "Average price" : "Price");
  const shown = guess.price === null ? "" : show(guess.price, decimalsOf(market.price_tick));
  const price = shown ? `${isMarket ? "≈ " : ""}${shown} ${market.quote_asset}` : format.NONE;
  setText(find(element, "#estimate-price"), guess.isCovered ? price : "Not enough in the book");
  find(element, "#estimate-price").classList.toggle("warn", !guess.isCovered);
  const { worst, slippageBps } = guess;
  setText(
    find(element, "#estimate-worst"),
    worst === null || slippageBps === null
      ? format.NONE
      : `${show(worst, decimalsOf(market.price_tick))} · ${show(slippageBps, 1)} bp (${show(slippageBps / 100n, 3)}%)`,
  );
  setText(find(element, "#estimate-rate"), guess.rates.map(format.rate).join(" / "));
  setText(find(element, "#estimate-fee"), money(guess.fee));
  setText(find(element, "#estimate-receive"), money(guess.receive));
}

function drawWait(element: HTMLElement, draft: Draft, market: Market, prices: Prices): void {
  const trigger = triggerOf(draft, market, prices);
  const at = trigger && show(trigger.price, decimalsOf(market.price_tick));
  const way = trigger?.rises ? "or above" : "or below";
  // One that trails triggers there if it begins now.
  const near = traitsOf(draft.type).trails ? "≈" : "at";
  setText(
    find(element, "#estimate-trigger"),
    at === null ? format.NONE : `${near} ${at} ${market.quote_asset} ${way}`,
  );
  const { distance } = trigger ?? { distance: null };
  setText(
    find(element, "#estimate-distance"),
    distance === null ? format.NONE : format.percent(write(distance)),
  );
  const hold = holdOf(draft, market, prices);
  const held = hold && `${hold.isExact ? "" : "≈ "}${showAll(hold.amount, 2)} ${hold.asset}`;
  setText(find(element, "#estimate-hold"), held ?? format.NONE);
}
