/** Open orders in rows: those of a list together, below a row of the list's own. */

import type { Order } from "../link/types.ts";

export interface OpenRow {
  key: string;
  /** Null in the row of a list. */
  order: Order | null;
  /** All open orders of the list, as they were placed. */
  orders: readonly Order[];
  isLeg: boolean;
}

/** Rows in the orders' order; a list stands where its first order does. */
export function groupLists(orders: readonly Order[]): OpenRow[] {
  const lists = new Map<string, Order[]>();
  for (const order of orders) {
    if (order.list_id) lists.set(order.list_id, [...(lists.get(order.list_id) ?? []), order]);
  }
  const rows: OpenRow[] = [];
  for (const order of orders) {
    const legs = order.list_id ? lists.get(order.list_id) : undefined;
    if (!order.list_id) {
      rows.push({ key: order.id, order, orders: [order], isLeg: false });
    } else if (legs) {
      lists.delete(order.list_id);
      legs.sort(inTurn);
      rows.push({ key: order.list_id, order: null, orders: legs, isLeg: false });
      for (const leg of legs) rows.push({ key: leg.id, order: leg, orders: legs, isLeg: true });
    }
  }
  return rows;
}

/** What the open orders of a list are to each other. */
export function listTitle(orders: readonly Order[]): string {
  if (orders.some((order) => order.leg === "Working")) return "Entry with exits";
  return orders.length > 1 ? "One cancels the other" : "Exit";
}

/** Ids grow with time, and are texts of up to 16 digits. */
function inTurn(a: Order, b: Order): number {
  return a.id.length - b.id.length || (a.id < b.id ? -1 : 1);
}
