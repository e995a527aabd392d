/** The header's figures of the selected market, the window title, and the units of all columns. */

import { all, byId, eachFrame, setText } from "../core/dom.ts";
import type { Exchange } from "../state/exchange.ts";
import * as format from "../core/format.ts";

export function initHeadline(exchange: Exchange): void {
  const render = eachFrame(() => {
    const market = exchange.market.value;
    if (!market) return;
    const ticker = exchange.tickers.value.get(market.symbol);
    const trend = format.trend(ticker?.change_24h);
    setText(byId("ticker-last"), format.price(ticker?.last, market));
    byId("headline").className = `headline ${trend}`;
    const change = ticker?.change_24h
      ? `${format.signed(ticker.change_24h, market)} (${format.percent(ticker.change_24h_percent)})`
      : format.NONE;
    setText(byId("ticker-change"), change);
    setText(byId("ticker-high"), format.price(ticker?.high_24h, market));
    setText(byId("ticker-low"), format.price(ticker?.low_24h, market));
    setText(byId("ticker-volume"), format.compact(ticker?.volume_24h));
    setText(byId("ticker-quote-volume"), format.compact(ticker?.quote_volume_24h));
    const state = byId("market-state");
    state.hidden = market.trading_enabled && market.state === "Continuous";
    setText(state, format.words(market.state));
    const last = ticker?.last ? `${format.price(ticker.last, market)} · ` : "";
    const title = `${last}${market.symbol} · Zavora`;
    if (document.title !== title) document.title = title;
  });

  exchange.market.watch((market) => {
    if (!market) return;
    setText(byId("market-name"), market.symbol);
    byId("market-name").title = market.symbol;
    setText(byId("page-title"), `${market.symbol} market`);
    setText(byId("ticker-base"), market.base_asset);
    setText(byId("ticker-quote"), market.quote_asset);
    for (const unit of all(".unit")) {
      const isBase = unit.dataset["unit"] === "base";
      setText(unit, isBase ? market.base_asset : market.quote_asset);
    }
    render();
  });
  exchange.markets.watch(render);
  exchange.tickers.watch(render);
}
