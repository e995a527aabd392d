/** Sends what stands in the form; a repeat after a lost answer is that very order, and makes no second. */

import { newClientOrderId, placeList, placeOrder } from "../link/orders.ts";
import { ApiError } from "../link/rest.ts";
import type { Order } from "../link/types.ts";
import type { Exchange } from "./exchange.ts";
import type { Checked } from "./exits.ts";

type Sent = Pick<Checked, "terms" | "list">;

export class Sending {
  readonly #exchange: Exchange;
  /** The last one sent that nobody knows the fate of: what was typed, what was made of it, its name. */
  #unanswered: { typed: string; sent: Sent; name: string } | null = null;

  constructor(exchange: Exchange) {
    this.#exchange = exchange;
  }

  /**
   * Return the orders as they are now. `typed` is what the reader asked for: a worst price that
   * follows the book may be another one by the time of a repeat, which is sent as it was.
   */
  async send(account: string, typed: string, { terms, list }: Sent): Promise<Order[]> {
    const known = this.#unanswered?.typed === typed ? this.#unanswered : null;
    const { sent, name } = known ?? { sent: { terms, list }, name: newClientOrderId() };
    try {
      const placed = await this.#place(account, sent, name);
      this.#unanswered = null;
      return placed;
    } catch (error) {
      const isUnknown =
        error instanceof ApiError && (error.code === "network" || error.code === "outcome_unknown");
      this.#unanswered = isUnknown ? { typed, sent, name } : null;
      throw error;
    }
  }

  async #place(account: string, { terms, list }: Sent, name: string): Promise<Order[]> {
    if (list) return placeList(this.#exchange, { user_id: account, ...list, client_list_id: name });
    if (!terms) return [];
    return [await placeOrder(this.#exchange, { user_id: account, ...terms, client_order_id: name })];
  }
}
