/** Recent trades of the selected market, newest first. */

import { eachFrame, find, h, syncList } from "../core/dom.ts";
import * as format from "../core/format.ts";
import type { PublicTrade } from "../link/types.ts";
import type { Exchange } from "../state/exchange.ts";
import * as figures from "../state/figures.ts";
import type { Trades } from "../state/trades.ts";
import { showUnits } from "./units.ts";

export function mount(element: HTMLElement, exchange: Exchange, trades: Trades): void {
  const tape = find(element, "#tape");
  const empty = find(element, "#tape-empty");
  const render = eachFrame(() => {
    const market = exchange.market.value ?? undefined;
    const make = (trade: PublicTrade) =>
      h(
        "div",
        { class: `tape-row ${trade.taker_side}`, attrs: { role: "listitem" } },
        h("span", { class: "num price", text: figures.price(trade.price, market) }),
        h("span", { class: "num", text: figures.quantity(trade.quantity, market) }),
        h("span", { class: "num time", text: format.timeOfDay(trade.timestamp) }),
      );
    syncList(
      tape,
      trades.list,
      (trade) => trade.id,
      make,
      () => undefined,
    );
    empty.hidden = !trades.isLoaded || trades.list.length > 0;
  });
  showUnits(element, exchange);
  // Trades of two markets may have the same ids.
  exchange.market.watch(() => tape.replaceChildren());
  trades.changed.watch(render);
}
