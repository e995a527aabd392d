/** What every part of the page shares: the connection, the markets, and what is selected. */

import { Signal } from "../core/signal.ts";
import type { AccountRef, PageConfig } from "../link/messages.ts";
import type { Link } from "../link/orders.ts";
import type { Rest } from "../link/rest.ts";
import type { ConnectionState, Socket } from "../link/socket.ts";
import type { Market, Ticker } from "../link/types.ts";
import { isListed } from "./calendar.ts";

/** How often the markets are asked for where the exchange does not push their changes. */
const MARKETS_INTERVAL_MS = 30_000;
const RETRY_MS = 3_000;

export class Exchange implements Link {
  readonly config: PageConfig;
  readonly rest: Rest;
  readonly socket: Socket;
  readonly markets = new Signal<Market[]>([]);
  /** The latest ticker of every market, by symbol. */
  readonly tickers = new Signal<Map<string, Ticker>>(new Map());
  /** The market on show; null until the markets are known. */
  readonly market = new Signal<Market | null>(null);
  readonly connection = new Signal<ConnectionState>("connecting");
  onRefused: Link["onRefused"] = undefined;
  #wasLive = false;
  #pollTimer = 0;

  constructor(config: PageConfig, rest: Rest, socket: Socket) {
    this.config = config;
    this.rest = rest;
    this.socket = socket;
    this.connection.watch((state) => (this.#wasLive ||= state === "live"));
  }

  /**
   * Whether what the page shows is older than it looks: the line was there and is not now. Where no
   * socket ever came through (some networks let none pass), the page works by requests instead.
   */
  get isStale(): boolean {
    const state = this.connection.value;
    return state === "offline" || (this.#wasLive && state !== "live");
  }

  marketOf(symbol: string): Market | undefined {
    return this.markets.value.find((market) => market.symbol === symbol);
  }

  /** One of the user's accounts, by its id. */
  accountOf(id: string | null): AccountRef | undefined {
    return this.config.accounts.find((account) => account.id === id);
  }

  select(symbol: string): void {
    const market = this.marketOf(symbol);
    if (market) this.market.value = market;
  }

  /** Load markets and tickers, and follow the tickers of all markets. */
  async start(): Promise<void> {
    await this.refreshMarkets();
    const wanted = this.config.market.toUpperCase();
    this.market.value = this.marketOf(wanted) ?? this.markets.value.find(isListed) ?? null;
    this.socket.subscribe(
      { channel: "ticker" },
      (push) => this.#takeTickers(push.data),
      () => void this.#loadTickers(),
    );
    // Until the channel is there, and for good where it is refused.
    this.#poll();
    this.socket.subscribe(
      { channel: "markets" },
      (push) => this.#takeMarket(push.data as Market),
      () => clearInterval(this.#pollTimer),
      () => this.#poll(),
    );
  }

  /** Start, and try again until the markets have come. */
  keepStarting(): void {
    this.start().catch((error: unknown) => {
      console.warn("the markets could not be loaded", error);
      window.setTimeout(() => this.keepStarting(), RETRY_MS);
    });
  }

  #poll(): void {
    clearInterval(this.#pollTimer);
    this.#pollTimer = window.setInterval(() => {
      if (!document.hidden) void this.refreshMarkets().catch(() => undefined);
    }, MARKETS_INTERVAL_MS);
  }

  #takeMarket(market: Market): void {
    const known = this.marketOf(market.symbol);
    if (known) {
      Object.assign(known, market);
      this.markets.notify();
    } else {
      this.markets.value = [...this.markets.value, market];
    }
  }

  /** Take rules and states of the markets afresh; a market that is known stays the same object. */
  async refreshMarkets(): Promise<void> {
    const listed = await this.rest.get<Market[]>("/markets");
    this.markets.value = listed.map((market) =>
      Object.assign(this.marketOf(market.symbol) ?? {}, market),
    );
  }

  async #loadTickers(): Promise<void> {
    try {
      this.#takeTickers(await this.rest.get<Ticker[]>("/markets/tickers"));
    } catch (error) {
      console.warn("the tickers could not be loaded", error);
    }
  }

  #takeTickers(data: unknown): void {
    const list = (Array.isArray(data) ? data : [data]) as Ticker[];
    for (const ticker of list) this.tickers.value.set(ticker.market, ticker);
    this.tickers.notify();
  }
}

/** Every asset that some market trades, in the markets' order. */
export function assetsOf(markets: readonly Market[]): string[] {
  return [...new Set(markets.flatMap((market) => [market.quote_asset, market.base_asset]))];
}
