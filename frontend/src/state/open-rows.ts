/** Open orders in rows: filtered, sorted, and those of a list together below a row of their own. */

import { read } from "../core/decimal.ts";
import type { Order } from "../link/types.ts";
import type { Queued } from "./own-levels.ts";

export interface OpenRow {
  key: string;
  /** Null in the row of a list. */
  order: Queued | null;
  /** All open orders of the list, as they were placed. */
  orders: readonly Order[];
  isLeg: boolean;
}

/** What rows of open orders are sorted by; those of before where nothing is chosen. */
export type SortKey =
  | "time" | "market" | "type" | "trigger" | "price" | "quantity" | "remaining"
  | "average" | "ahead" | "status";

export interface Sorting {
  key: SortKey;
  isDown: boolean;
}

export interface Filter {
  market: string | null;
  side: Order["side"] | null;
}

export const BY_TIME: Sorting = { key: "time", isDown: true };

/** Next after a press on a column's head: the other way round, or by this one from its start. */
export function sortedBy(now: Sorting, key: SortKey): Sorting {
  if (now.key === key) return { key, isDown: !now.isDown };
  return { key, isDown: key === "time" };
}

export function filtered<T extends { market: string; side: Order["side"] }>(
  items: readonly T[],
  { market, side }: Filter,
): T[] {
  return items.filter(
    (item) => (market === null || item.market === market) && (side === null || item.side === side),
  );
}

/** What orders are compared by; null stands last, whichever way. */
const VALUES: Record<SortKey, (order: Queued) => string | bigint | null> = {
  time: (order) => order.created_at,
  market: (order) => order.market,
  type: (order) => order.order_type,
  trigger: ({ stop_price: price }) => price && read(price),
  price: ({ price }) => price && read(price),
  quantity: ({ quantity }) => quantity && read(quantity),
  remaining: (order) => read(order.remaining_quantity),
  average: ({ average_fill_price: price }) => price && read(price),
  ahead: ({ queueAhead: ahead }) => (ahead == null ? null : read(ahead)),
  status: (order) => order.status,
};

/** Orders by a column; equal ones stay as they come. */
export function sorted(orders: readonly Queued[], { key, isDown }: Sorting): Queued[] {
  const valueOf = VALUES[key];
  return [...orders].sort((a, b) => {
    const [first, second] = [valueOf(a), valueOf(b)];
    if (first === second) return 0;
    if (first === null) return 1;
    if (second === null) return -1;
    return first < second === isDown ? 1 : -1;
  });
}

/** Rows in the orders' order; a list stands where its first order does. */
export function groupLists(orders: readonly Queued[]): OpenRow[] {
  const lists = new Map<string, Queued[]>();
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

/** What would be cancelled, by market and side: `2 Buy BTC/EUR, 1 Sell ETH/EUR`. */
export function namedOrders(orders: readonly Order[]): string {
  const counts = new Map<string, number>();
  for (const { side, market } of orders) {
    const name = `${side} ${market}`;
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  return [...counts].map(([name, count]) => `${count} ${name}`).sort().join(", ");
}

/** Ids grow with time, and are texts of up to 16 digits. */
function inTurn(a: Order, b: Order): number {
  return a.id.length - b.id.length || (a.id < b.id ? -1 : 1);
}
