/** Recent trades of the selected market, newest first: loaded, then kept live. */

import { type Amount, read } from "../core/decimal.ts";
import { Signal } from "../core/signal.ts";
import type { MarketPulse } from "../link/pulse.ts";
import { marketPath } from "../link/rest.ts";
import type { Subscription } from "../link/socket.ts";
import type { Market, PublicTrade, PublicTrades } from "../link/types.ts";
import type { Exchange } from "./exchange.ts";
import type { Proven } from "./freshness.ts";

/** As many as a tape shows; those that are large enough are looked for among more. */
const PAGE = 60;
const TRADES_MAX = 500;

export class Trades implements Proven {
  /** Notified after every change of what is below. */
  readonly changed = new Signal<null>(null);
  list: readonly PublicTrade[] = [];
  isLoaded = false;
  readonly #exchange: Exchange;
  #subscription: Subscription | null = null;
  /** How many are asked for, and whether they have been. */
  #limit = PAGE;
  #isAsked = false;

  constructor(exchange: Exchange) {
    this.#exchange = exchange;
    exchange.freshness.add("tape", this);
    exchange.market.watch((market) => market && this.#follow(market));
  }

  get isWhole(): boolean {
    return this.isLoaded && this.#subscription?.isWhole === true;
  }

  /** Trades have numbers without gaps: where the newest is missing, all are loaded anew. */
  agrees({ symbol, trade_id: id }: MarketPulse): boolean {
    if (symbol !== this.#exchange.market.value?.symbol) return false;
    if (!this.isWhole) return true; // it is being loaded
    if (id === null || BigInt(this.list[0]?.id ?? -1) >= BigInt(id)) return true;
    this.#subscription?.renew();
    return false;
  }

  #follow(market: Market): void {
    this.#subscription?.close();
    this.list = [];
    this.isLoaded = false;
    this.#limit = PAGE;
    this.#isAsked = false;
    this.#subscription = this.#exchange.socket.subscribe(
      { channel: "trades", market: market.symbol },
      (push) => {
        const list = (Array.isArray(push.data) ? push.data : [push.data]) as PublicTrade[];
        if (list[0]?.market === market.symbol) this.#add(list);
      },
      () => this.#begin(market),
    );
    this.changed.notify();
  }

  /** Load as many as are kept: whoever looks for few among them needs more. */
  loadMore(): void {
    const market = this.#exchange.market.value;
    if (!market || this.#limit === TRADES_MAX) return;
    this.#limit = TRADES_MAX;
    const begin = () => this.#begin(market);
    if (this.#isAsked) begin().catch((error: unknown) => console.warn("no trades", error));
  }

  #begin(market: Market): Promise<void> {
    this.#isAsked = true;
    return this.#load(market);
  }

  async #load(market: Market): Promise<void> {
    const path = `/markets/${marketPath(market.symbol)}/trades?limit=${this.#limit}`;
    const page = await this.#exchange.rest.get<PublicTrades>(path);
    if (this.#exchange.market.value !== market) return;
    this.isLoaded = true;
    this.#add(page.trades);
    this.#dropBeforeHole();
  }

  /** Numbers have no gaps: what is older than a hole, which a page does not fill, is not the tape. */
  #dropBeforeHole(): void {
    const hole = this.list.findIndex((trade, index) => {
      const older = this.list[index + 1];
      return older !== undefined && BigInt(trade.id) - 1n !== BigInt(older.id);
    });
    if (hole < 0) return;
    this.list = this.list.slice(0, hole + 1);
    this.changed.notify();
  }

  #add(incoming: readonly PublicTrade[]): void {
    const known = new Set(this.list.map((trade) => trade.id));
    const added = incoming.filter((trade) => !known.has(trade.id));
    this.list = [...this.list, ...added].sort(newestFirst).slice(0, TRADES_MAX);
    this.changed.notify();
  }
}

/** Those of at least this quantity. */
export function largeEnough(trades: readonly PublicTrade[], least: Amount): PublicTrade[] {
  return trades.filter((trade) => read(trade.quantity) >= least);
}

/** By time, then by id: ids are the market's gapless trade sequence, as text. */
function newestFirst(a: PublicTrade, b: PublicTrade): number {
  if (a.timestamp !== b.timestamp) return a.timestamp < b.timestamp ? 1 : -1;
  return b.id.length - a.id.length || (a.id < b.id ? 1 : -1);
}
