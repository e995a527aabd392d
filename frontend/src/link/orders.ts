/**
 * Placing and cancelling: over the socket, which is the fast way, and by POST where the socket is
 * away. A repeat carries the same client order id, so that it can never make a second order.
 */

import { ApiError, type Rest } from "./rest.ts";
import type { Socket } from "./socket.ts";
import type {
  AmendOrderIn,
  BatchItem,
  CancelAllIn,
  Order,
  OrderListPlaced,
  OrderPlaced,
  PlaceListIn,
  PlaceOrderIn,
} from "./types.ts";

/** Both ways to the exchange. */
export interface Link {
  readonly rest: Rest;
  readonly socket: Socket;
  /** Learns of each new order that the exchange refused. */
  onRefused?: ((error: ApiError) => void) | undefined;
}

/** A new client order id; `crypto.randomUUID` is missing on plain-http origins. */
export function newClientOrderId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(12));
  return `web-${[...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("")}`;
}

function isUnanswered(error: unknown): boolean {
  return error instanceof ApiError && error.code === "network";
}

/** Let the page know of a refusal, which goes to who asked as well. */
async function placed<T>(link: Link, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (error instanceof ApiError) link.onRefused?.(error);
    throw error;
  }
}

export function placeOrder(link: Link, order: PlaceOrderIn): Promise<Order> {
  return placed(link, sendOrder(link, order));
}

async function sendOrder({ rest, socket }: Link, order: PlaceOrderIn): Promise<Order> {
  try {
    return (await socket.request<OrderPlaced>("placeOrder", order)).order;
  } catch (error) {
    if (!isUnanswered(error)) throw error;
    return (await rest.post<OrderPlaced>("/orders", order)).order;
  }
}

export async function cancelOrder({ rest, socket }: Link, order: Order): Promise<Order> {
  try {
    return await socket.request<Order>("cancelOrder", { order_id: order.id });
  } catch (error) {
    if (!isUnanswered(error)) throw error;
    return await rest.delete<Order>(`/orders/${encodeURIComponent(order.id)}`);
  }
}

/** Change an open order; return it as it is then. A repeat changes nothing that is changed. */
export async function amendOrder(
  { rest, socket }: Link,
  order: Order,
  amendment: AmendOrderIn,
): Promise<Order> {
  try {
    const request = { order_id: order.id, ...amendment };
    return (await socket.request<OrderPlaced>("amendOrder", request)).order;
  } catch (error) {
    if (!isUnanswered(error)) throw error;
    return (await rest.patch<OrderPlaced>(`/orders/${encodeURIComponent(order.id)}`, amendment)).order;
  }
}

/** Place orders that are one thing; return each as it is now. */
export function placeList(link: Link, list: PlaceListIn): Promise<Order[]> {
  return placed(link, sendList(link, list));
}

async function sendList({ rest, socket }: Link, list: PlaceListIn): Promise<Order[]> {
  try {
    return (await socket.request<OrderListPlaced>("placeOrderList", list)).orders;
  } catch (error) {
    if (!isUnanswered(error)) throw error;
    return (await rest.post<OrderListPlaced>("/orders/lists", list)).orders;
  }
}

/** Cancel what is open of a list; return its orders as they are then. */
export async function cancelList({ rest, socket }: Link, listId: string): Promise<Order[]> {
  try {
    return (await socket.request<OrderListPlaced>("cancelOrderList", { list_id: listId })).orders;
  } catch (error) {
    if (!isUnanswered(error)) throw error;
    const path = `/orders/lists/${encodeURIComponent(listId)}`;
    return (await rest.delete<OrderListPlaced>(path)).orders;
  }
}

/** Cancel an account's open orders, of all markets or one, of both sides or one. */
export function cancelAll(
  { rest }: Link,
  account: string,
  market?: string,
  side?: Order["side"],
): Promise<BatchItem[]> {
  const body: CancelAllIn = { account, ...(market && { market }), ...(side && { side }) };
  return rest.post<BatchItem[]>("/orders/cancel-all", body);
}
