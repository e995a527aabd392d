/** The header's figures of the selected market. */

import { eachFrame, find, setText } from "../core/dom.ts";
import * as format from "../core/format.ts";
import type { Exchange } from "../state/exchange.ts";
import * as figures from "../state/figures.ts";
import { whenOf } from "../state/calendar.ts";

export function mount(header: HTMLElement, exchange: Exchange): void {
  const write = (selector: string, text: string) => setText(find(header, selector), text);
  const render = eachFrame(() => {
    const market = exchange.market.value;
    if (!market) return;
    const ticker = exchange.tickers.value.get(market.symbol);
    find(header, "#headline").className = `headline ${format.trend(ticker?.change_24h)}`;
    write("#ticker-last", figures.price(ticker?.last, market));
    const change = figures.signed(ticker?.change_24h, market);
    const percent = ticker?.change_24h ? ` (${format.percent(ticker.change_24h_percent)})` : "";
    write("#ticker-change", change + percent);
    write("#ticker-high", figures.price(ticker?.high_24h, market));
    write("#ticker-low", figures.price(ticker?.low_24h, market));
    write("#ticker-volume", format.compact(ticker?.volume_24h));
    write("#ticker-quote-volume", format.compact(ticker?.quote_volume_24h));
    const state = find(header, "#market-state");
    state.hidden = market.trading_enabled && market.state === "Continuous";
    setText(state, format.words(market.state));
    const when = find(header, "#market-when");
    setText(when, whenOf(market));
    when.hidden = !when.textContent;
    find(header, "#market-phase").hidden = state.hidden && when.hidden;
  });

  exchange.market.watch((market) => {
    if (!market) return;
    write("#market-name", market.symbol);
    find(header, "#market-name").title = market.symbol;
    write("#ticker-base", market.base_asset);
    write("#ticker-quote", market.quote_asset);
    render();
  });
  exchange.markets.watch(render);
  exchange.tickers.watch(render);
}
