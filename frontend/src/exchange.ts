/** What every part of the page shares: the connection, the markets, and what is selected. */

import type { Rest } from "./rest.ts";
import { Signal } from "./signal.ts";
import type { Socket } from "./socket.ts";
import type { Market, PageConfig, Ticker } from "./types.ts";

export class Exchange {
  readonly config: PageConfig;
  readonly rest: Rest;
  readonly socket: Socket;
  readonly markets = new Signal<Market[]>([]);
  /** The latest ticker of every market, by symbol. */
  readonly tickers = new Signal<Map<string, Ticker>>(new Map());
  /** The market on show; null until the markets are known. */
  readonly market = new Signal<Market | null>(null);

  constructor(config: PageConfig, rest: Rest, socket: Socket) {
    this.config = config;
    this.rest = rest;
    this.socket = socket;
  }

  marketOf(symbol: string): Market | undefined {
    return this.markets.value.find((market) => market.symbol === symbol);
  }

  select(symbol: string): void {
    const market = this.marketOf(symbol);
    if (market) this.market.value = market;
  }

  /** Load markets and tickers, and follow the tickers of all markets. */
  async start(): Promise<void> {
    const [markets, tickers] = await Promise.all([
      this.rest.get<Market[]>("/markets"),
      this.rest.get<Ticker[]>("/markets/tickers"),
    ]);
    this.markets.value = markets;
    for (const ticker of tickers) this.tickers.value.set(ticker.market, ticker);
    this.tickers.notify();
    const wanted = this.config.market.toUpperCase();
    this.market.value = this.marketOf(wanted) ?? markets[0] ?? null;
    this.socket.subscribe({ channel: "ticker" }, (push) => {
      const list = Array.isArray(push.data) ? push.data : [push.data];
      for (const ticker of list as Ticker[]) this.tickers.value.set(ticker.market, ticker);
      this.tickers.notify();
    });
  }
}

/** Every asset that some market trades, in the markets' order. */
export function assetsOf(markets: readonly Market[]): string[] {
  return [...new Set(markets.flatMap((market) => [market.quote_asset, market.base_asset]))];
}
