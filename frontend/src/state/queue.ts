/**
 * Places in the queue: what the book shows ahead of own open orders, asked for once a second while
 * somebody looks. A place that is no longer known is not told (ADR 0050).
 */

import { ApiError } from "../link/rest.ts";
import type { Order, QueuePlaces } from "../link/types.ts";
import { isUnentered } from "./order-kinds.ts";

export const ASK_MS = 1_000;
/** How old a place may be that is shown. */
export const OLD_MS = 3_000;
/** Of more markets only those first in the list are asked about. */
export const MARKETS_MAX = 4;

export interface QueueLine {
  /** Ask for the places of the account's orders in a market. */
  ask: (account: string, market: string) => Promise<QueuePlaces>;
  /** Whether anybody looks, and there is a line to ask over. */
  isWatched: () => boolean;
  nowMs: () => number;
}

interface Place {
  market: string;
  /** At which price it stands so. */
  price: string | null;
  ahead: string;
  atMs: number;
}

/** Orders that stand in the book. */
export function isResting(order: Order): boolean {
  return order.price !== null && !isUnentered(order);
}

export class Queue {
  readonly #line: QueueLine;
  readonly #places = new Map<string, Place>();
  readonly #asked = new Set<string>();

  constructor(line: QueueLine) {
    this.#line = line;
  }

  /** What is shown ahead of an order at its price; null where that is not known now. */
  aheadOf(order: Order): string | null {
    const place = this.#places.get(order.id);
    if (!place || place.price !== order.price) return null;
    return this.#line.nowMs() - place.atMs > OLD_MS ? null : place.ahead;
  }

  /** Ask about the markets of open orders; resolves to whether anything is another now. */
  async look(account: string, orders: readonly Order[], shown: string | null): Promise<boolean> {
    if (!this.#line.isWatched()) return this.#forgetOld();
    const symbols = [...new Set(orders.filter(isResting).map((order) => order.market))];
    // The market on show before the others.
    symbols.sort((a, b) => Number(b === shown) - Number(a === shown));
    const asked = symbols.slice(0, MARKETS_MAX).filter((symbol) => !this.#asked.has(symbol));
    const changed = await Promise.all(asked.map((symbol) => this.#askFor(account, symbol, orders)));
    const isOlder = this.#forgetOld();
    return isOlder || changed.includes(true);
  }

  async #askFor(account: string, symbol: string, orders: readonly Order[]): Promise<boolean> {
    this.#asked.add(symbol);
    try {
      const { orders: places } = await this.#line.ask(account, symbol);
      return this.#take(symbol, new Map(places.map((one) => [one.order_id, one.queue_ahead])), orders);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      return false; // what was known gets old, and goes
    } finally {
      this.#asked.delete(symbol);
    }
  }

  #take(symbol: string, ahead: Map<string, string>, orders: readonly Order[]): boolean {
    let isChanged = false;
    const atMs = this.#line.nowMs();
    for (const order of orders) {
      if (order.market !== symbol) continue;
      const text = ahead.get(order.id);
      const known = this.aheadOf(order);
      isChanged ||= known !== (text ?? null);
      if (text === undefined) this.#places.delete(order.id);
      else this.#places.set(order.id, { market: symbol, price: order.price, ahead: text, atMs });
    }
    return isChanged;
  }

  #forgetOld(): boolean {
    let isChanged = false;
    for (const [id, place] of this.#places) {
      if (this.#line.nowMs() - place.atMs <= OLD_MS) continue;
      this.#places.delete(id);
      isChanged = true;
    }
    return isChanged;
  }
}
