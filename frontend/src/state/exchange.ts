/** What every part of the page shares: the connection, the markets, and what is selected. */

import { Signal } from "../core/signal.ts";
import type { AccountRef, PageConfig } from "../link/messages.ts";
import type { Link } from "../link/orders.ts";
import type { Rest } from "../link/rest.ts";
import type { ConnectionState, Socket, Subscription } from "../link/socket.ts";
import type { Market, Ticker } from "../link/types.ts";
import { isListed } from "./calendar.ts";
import type { Stale } from "./lock.ts";
import { Freshness, type Proven } from "./freshness.ts";

/** How often the markets are asked for where the exchange does not push their changes. */
const MARKETS_INTERVAL_MS = 30_000;
const RETRY_MS = 3_000;

export class Exchange implements Link, Proven {
  readonly config: PageConfig;
  readonly rest: Rest;
  readonly socket: Socket;
  readonly markets = new Signal<Market[]>([]);
  /** The latest ticker of every market, by symbol. */
  readonly tickers = new Signal<Map<string, Ticker>>(new Map());
  /** The market on show; null until the markets are known. */
  readonly market = new Signal<Market | null>(null);
  readonly connection = new Signal<ConnectionState>("connecting");
  /** How old what the panels show is. */
  readonly freshness = new Freshness();
  onRefused: Link["onRefused"] = undefined;
  #wasLive = false;
  #pollTimer: ReturnType<typeof setInterval> | undefined;
  #followed: Subscription[] = [];
  /** Markets whose ticker came in since the tickers were followed (anew). */
  #told = new Set<string>();

  constructor(config: PageConfig, rest: Rest, socket: Socket) {
    this.config = config;
    this.rest = rest;
    this.socket = socket;
    this.connection.watch((state) => (this.#wasLive ||= state === "live"));
    this.freshness.add("ticker", this);
  }

  /** Whether every ticker and every market's state is there, and followed. */
  get isWhole(): boolean {
    return this.#followed.length > 0 && this.#followed.every((one) => one.isWhole);
  }

  /**
   * Whether what the page shows is older than it looks: the line was there and is not now. Where no
   * socket ever came through (some networks let none pass), the page works by requests instead.
   */
  get isStale(): boolean {
    const state = this.connection.value;
    return state === "offline" || (this.#wasLive && state !== "live");
  }

  /** What is not live of that by which an order is judged. */
  get stale(): Stale {
    if (this.isStale) return "line";
    return this.freshness.isShut ? "book" : null;
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
    const tickers = this.socket.subscribe(
      { channel: "ticker" },
      (push) => this.#takeTickers(push.data),
      () => this.#loadTickers(),
    );
    this.#followed = [tickers];
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
    this.#pollTimer = setInterval(() => {
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
    this.#told.clear();
    this.#takeTickers(await this.rest.get<Ticker[]>("/markets/tickers"));
  }

  /** Take tickers in; one that is older than what was told since the beginning came late. */
  #takeTickers(data: unknown): void {
    const list = (Array.isArray(data) ? data : [data]) as Ticker[];
    for (const ticker of list) {
      const known = this.#told.has(ticker.market) && this.tickers.value.get(ticker.market);
      if (known && Date.parse(known.timestamp) > Date.parse(ticker.timestamp)) continue;
      this.#told.add(ticker.market);
      this.tickers.value.set(ticker.market, ticker);
    }
    this.tickers.notify();
  }
}

/** Every asset that some market trades, in the markets' order. */
export function assetsOf(markets: readonly Market[]): string[] {
  return [...new Set(markets.flatMap((market) => [market.quote_asset, market.base_asset]))];
}
