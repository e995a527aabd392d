/** Amends and cancels own orders, each at most once at a time, however often it is asked for. */

import { read } from "../core/decimal.ts";
import { sentence } from "../core/format.ts";
import type { Tell } from "../core/notice.ts";
import { Signal } from "../core/signal.ts";
import { amendOrder, cancelOrder } from "../link/orders.ts";
import { ApiError } from "../link/rest.ts";
import type { AmendOrderIn, Order } from "../link/types.ts";
import type { Prices } from "./draft.ts";
import type { Exchange } from "./exchange.ts";
import type { Portfolio } from "./portfolio.ts";
import { type Rules, type Warning, warningsOfPrice } from "./warnings.ts";

export class Amending {
  /** Notified when something is sent, and when it is answered. */
  readonly changed = new Signal<null>(null);
  readonly #exchange: Exchange;
  readonly #portfolio: Portfolio;
  readonly #tell: Tell;
  readonly #rules: () => Rules;
  readonly #sent = new Set<string>();

  constructor(exchange: Exchange, portfolio: Portfolio, tell: Tell, rules: () => Rules) {
    this.#exchange = exchange;
    this.#portfolio = portfolio;
    this.#tell = tell;
    this.#rules = rules;
  }

  /** What is odd about the price that an order in the book is to have. */
  warningsOf(order: Order, { price }: AmendOrderIn, prices: Prices): Warning[] {
    if (typeof price !== "string" || order.order_type !== "Limit") return [];
    return warningsOfPrice(order.side, read(price), prices, this.#rules());
  }

  /** Whether something about this order is on its way: nothing else is sent until it is answered. */
  isSent(order: Order): boolean {
    return this.#sent.has(order.id);
  }

  amend(order: Order, amendment: AmendOrderIn): Promise<void> {
    return this.#once(order, "Not changed", () => amendOrder(this.#exchange, order, amendment));
  }

  cancel(order: Order): Promise<void> {
    return this.#once(order, "Not cancelled", () => cancelOrder(this.#exchange, order));
  }

  async #once(order: Order, refused: string, send: () => Promise<Order>): Promise<void> {
    if (this.#sent.has(order.id)) return;
    this.#sent.add(order.id);
    this.changed.notify();
    try {
      this.#portfolio.upsert(await send());
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      this.#tell(refused, sentence(error.message), "bad", "reject");
      // It may have filled a moment ago, or the answer may be what was lost.
      await this.#portfolio.load();
    } finally {
      this.#sent.delete(order.id);
      this.changed.notify();
    }
  }
}
