/** Recent trades of the selected market, newest first; those that are large enough. */

import { parse, typed } from "../core/decimal.ts";
import { eachFrame, find, h, setText, syncList } from "../core/dom.ts";
import * as format from "../core/format.ts";
import { recall, remember } from "../core/memory.ts";
import type { Market, PublicTrade } from "../link/types.ts";
import type { Exchange } from "../state/exchange.ts";
import * as figures from "../state/figures.ts";
import { largeEnough, type Trades } from "../state/trades.ts";
import { showUnits } from "./units.ts";

const ROWS_MAX = 60;

export function mount(element: HTMLElement, exchange: Exchange, trades: Trades): void {
  const tape = find(element, "#tape");
  const empty = find(element, "#tape-empty");
  const from = find<HTMLInputElement>(element, "#tape-least");
  const make = (trade: PublicTrade) => makeRow(trade, exchange.market.value ?? undefined);
  const render = eachFrame(() => {
    const least = parse(typed(from.value || "0"));
    from.setAttribute("aria-invalid", String(least === null));
    const shown = largeEnough(trades.list, least ?? 0n).slice(0, ROWS_MAX);
    syncList(
      tape,
      shown,
      (trade) => trade.id,
      make,
      () => undefined,
    );
    empty.hidden = !trades.isLoaded || shown.length > 0;
    setText(empty, trades.list.length ? "No recent trade is that large." : "No trades yet.");
  });
  from.addEventListener("input", () => {
    const market = exchange.market.value;
    if (market) remember(fromKey(market), from.value);
    if (from.value) trades.loadMore();
    render();
  });
  showUnits(element, exchange);
  // Trades of two markets may have the same ids.
  exchange.market.watch((market) => {
    tape.replaceChildren();
    from.value = market ? (recall(fromKey(market)) ?? "") : "";
    if (from.value) trades.loadMore();
  });
  trades.changed.watch(render);
}

function fromKey(market: Market): string {
  return `tape-least.${market.symbol}`;
}

function makeRow(trade: PublicTrade, market: Market | undefined): HTMLElement {
  return h(
    "div",
    { class: `tape-row ${trade.taker_side}`, attrs: { role: "listitem" } },
    h("span", { class: "num price", text: figures.price(trade.price, market) }),
    h("span", { class: "num", text: figures.quantity(trade.quantity, market) }),
    h("span", { class: "num time", text: format.timeOfDay(trade.timestamp) }),
  );
}
