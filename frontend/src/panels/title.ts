/** The page's heading and the window's title: the selected market, and its last price while that is live. */

import { setText } from "../core/dom.ts";
import type { Exchange } from "../state/exchange.ts";
import * as figures from "../state/figures.ts";

export function mount(heading: HTMLElement, exchange: Exchange): void {
  // Not by frames: a tab that is hidden has none, and its title is what is seen of it.
  const render = () => {
    const market = exchange.market.value;
    if (!market) return;
    const isOld = exchange.isStale || exchange.freshness.isOld("ticker");
    const ticker = isOld ? undefined : exchange.tickers.value.get(market.symbol);
    const last = ticker?.last ? `${figures.price(ticker.last, market)} · ` : "";
    const title = `${last}${market.symbol} · Zavora`;
    if (document.title !== title) document.title = title;
  };
  exchange.market.watch((market) => {
    if (market) setText(heading, `${market.symbol} market`);
    render();
  });
  exchange.markets.watch(render);
  exchange.tickers.watch(render);
  exchange.connection.watch(render);
  exchange.freshness.changed.watch(render);
}
