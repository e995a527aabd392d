/**
 * Placing and cancelling: over the socket, which is the fast way, and by POST where the socket is
 * away. A repeat carries the same client order id, so that it can never make a second order.
 */

import type { Exchange } from "../state/exchange.ts";
import { ApiError } from "./rest.ts";
import type { Order, PlaceOrder } from "./types.ts";

export interface Placed {
  order: Order;
}

/** A new client order id; `crypto.randomUUID` is missing on plain-http origins. */
export function newClientOrderId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(12));
  return `web-${[...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("")}`;
}

function isUnanswered(error: unknown): boolean {
  return error instanceof ApiError && error.code === "network";
}

export async function placeOrder(exchange: Exchange, order: PlaceOrder): Promise<Placed> {
  try {
    return await exchange.socket.request<Placed>("placeOrder", order);
  } catch (error) {
    if (!isUnanswered(error)) throw error;
    return await exchange.rest.post<Placed>("/orders", order);
  }
}

export async function cancelOrder(exchange: Exchange, order: Order): Promise<Order> {
  try {
    return await exchange.socket.request<Order>("cancelOrder", { order_id: order.id });
  } catch (error) {
    if (!isUnanswered(error)) throw error;
    return await exchange.rest.delete<Order>(`/orders/${encodeURIComponent(order.id)}`);
  }
}

export type Cancelled = { order?: Order; error?: { code: string; message: string } }[];

export function cancelAll(
  exchange: Exchange,
  account: string,
  market?: string,
): Promise<Cancelled> {
  const body = market ? { account, market } : { account };
  return exchange.rest.post<Cancelled>("/orders/cancel-all", body);
}
