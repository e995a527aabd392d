/** Prices and funds as they are now, by which an order is judged. */

import { read } from "../core/decimal.ts";
import type { Market } from "../link/types.ts";
import type { Funds, Prices } from "./draft.ts";
import type { Exchange } from "./exchange.ts";
import type { LiveBook } from "./live-book.ts";
import type { Portfolio } from "./portfolio.ts";

export class MarketNow {
  readonly #exchange: Exchange;
  readonly #portfolio: Portfolio;
  readonly #live: LiveBook;

  constructor(exchange: Exchange, portfolio: Portfolio, live: LiveBook) {
    this.#exchange = exchange;
    this.#portfolio = portfolio;
    this.#live = live;
  }

  last(market: Market | null): string | null {
    return this.#exchange.tickers.value.get(market?.symbol ?? "")?.last ?? null;
  }

  /** The prices that a trigger looks at. */
  prices(market: Market | null): Prices {
    const last = this.last(market);
    const { bids, asks } = this.#live.book;
    return {
      last: last === null ? null : read(last),
      bid: bids[0]?.price ?? null,
      ask: asks[0]?.price ?? null,
    };
  }

  funds(market: Market): Funds {
    return {
      base: this.#portfolio.available(market.base_asset),
      quote: this.#portfolio.available(market.quote_asset),
    };
  }

  /** Null until they are known. */
  knownFunds(market: Market): Funds | null {
    return this.#portfolio.isLoaded ? this.funds(market) : null;
  }
}
