/** The order book of the selected market, kept live: a book that does not follow on starts anew. */

import { Signal } from "../core/signal.ts";
import type { BookMessage } from "../link/messages.ts";
import type { MarketPulse } from "../link/pulse.ts";
import type { Subscription } from "../link/socket.ts";
import type { Market } from "../link/types.ts";
import { OrderBook } from "./book.ts";
import type { Exchange } from "./exchange.ts";
import type { Proven } from "./freshness.ts";

const RENEW_INTERVAL_MS = 1_000;

export class LiveBook implements Proven {
  readonly book = new OrderBook();
  /** Notified after every change of the book. */
  readonly changed = new Signal<null>(null);
  readonly #exchange: Exchange;
  #subscription: Subscription | null = null;
  #renewedAt = -Infinity;
  #isRenewing = false;

  constructor(exchange: Exchange) {
    this.#exchange = exchange;
    exchange.freshness.add("book", this);
    exchange.market.watch((market) => market && this.#follow(market));
  }

  get isWhole(): boolean {
    return this.book.sequence !== null && this.#subscription?.isWhole === true;
  }

  /** A book behind the exchange's has lost its last change, which no later one betrays. */
  agrees({ symbol, sequence }: MarketPulse): boolean {
    if (symbol !== this.#exchange.market.value?.symbol) return false;
    if (this.book.sequence === null) {
      // What a subscription begins with comes before whatever is asked after it.
      if (this.#subscription?.isWhole) this.#resync();
      return false;
    }
    if (this.book.sequence >= BigInt(sequence)) return true;
    console.warn("order book behind: subscribing anew");
    this.book.clear();
    this.#resync();
    this.changed.notify();
    return false;
  }

  #follow(market: Market): void {
    this.#subscription?.close();
    this.book.clear();
    this.#subscription = this.#exchange.socket.subscribe(
      { channel: "orderbook", market: market.symbol },
      (push) => this.#receive(push.data as BookMessage),
      () => this.book.clear(),
    );
    this.changed.notify();
  }

  #receive(message: BookMessage): void {
    // A delta of the former subscription may still come in before the new snapshot.
    if (this.book.sequence === null && message.prev_sequence != null) return;
    const outcome = this.book.apply(message);
    if (outcome === "gap" || outcome === "corrupt") {
      console.warn(`order book ${outcome}: subscribing anew`);
      this.#resync();
    }
    this.changed.notify();
  }

  /** Subscribe anew, at most once a second: a server that sends gaps must not be flooded. */
  #resync(): void {
    const subscription = this.#subscription;
    if (this.#isRenewing) return;
    this.#isRenewing = true;
    const wait = Math.max(0, this.#renewedAt + RENEW_INTERVAL_MS - performance.now());
    setTimeout(() => {
      this.#isRenewing = false;
      if (this.#subscription !== subscription || this.book.sequence !== null) return;
      this.#renewedAt = performance.now();
      subscription?.renew();
    }, wait);
  }
}
