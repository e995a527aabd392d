/** Turns what happens to own orders into notices. */

import { type Amount, divideDown, multiplyDown, read, show, write } from "../core/decimal.ts";
import * as format from "../core/format.ts";
import type { Tell } from "../core/notice.ts";
import type { Fill, Market, Order } from "../link/types.ts";
import type { Exchange } from "./exchange.ts";
import * as figures from "./figures.ts";
import { isUnentered } from "./order-kinds.ts";
import type { News } from "./portfolio.ts";

/** Fills of one order that come together are told together. */
const GATHER_MS = 200;

interface Gathered {
  fill: Fill;
  quantity: Amount;
  amount: Amount;
  orderOf: () => Order | undefined;
}

/** ` (24% of 0.5)` where an order has filled in part; empty where it has filled or is by amount. */
function partOf(order: Order | undefined, market: Market | undefined): string {
  const [filled, asked] = [read(order?.filled_quantity), read(order?.quantity)];
  if (!order || asked === 0n || filled >= asked) return "";
  const percent = show((filled * 100n * 10n ** 18n) / asked, 0);
  return ` (${percent}% of ${figures.ownQuantity(order.quantity, market)})`;
}

export function newsOf(exchange: Exchange, tell: Tell): News {
  const gathered = new Map<string, Gathered>();
  const placed = new Map<string, number>();

  const describe = (order: Order) => {
    const market = exchange.marketOf(order.market);
    const asked = order.quote_quantity
      ? `for ${format.balance(order.quote_quantity)} ${market?.quote_asset ?? ""}`
      : `${figures.ownQuantity(order.quantity, market)} ${market?.base_asset ?? ""}`;
    const price = order.price ? ` at ${figures.price(order.price, market)}` : " at market";
    const trigger = `, ${order.stop_price ? "trigger " : ""}${figures.trigger(order, market)}`;
    return `${order.side} ${asked}${price}${isUnentered(order) ? trigger : ""}`;
  };

  const tellFills = (orderId: string) => {
    const sum = gathered.get(orderId);
    gathered.delete(orderId);
    if (!sum) return;
    const market = exchange.marketOf(sum.fill.market);
    const average = write(divideDown(sum.amount, sum.quantity));
    const quantity = figures.ownQuantity(write(sum.quantity), market);
    tell(
      `${sum.fill.side === "Buy" ? "Bought" : "Sold"} ${quantity} ${market?.base_asset ?? ""}`,
      `${sum.fill.market} at ${figures.price(average, market)}${partOf(sum.orderOf(), market)}`,
      "good",
      "fill",
    );
  };

  exchange.onRefused = ({ message }) => tell("Order refused", format.sentence(message), "bad", "reject");

  return {
    onOrder(order, before) {
      clearTimeout(placed.get(order.id));
      placed.delete(order.id);
      const reason = figures.reason(order.reason);
      const detail = reason ? `${describe(order)}: ${reason}` : describe(order);
      const wasWaiting = before !== undefined && isUnentered(before) && !before.triggered_at;
      if (wasWaiting && order.triggered_at) {
        tell("Order triggered", describe(order), "plain", "order");
      }
      if (order.status === "Triggered" || (wasWaiting && order.status === "New")) return;
      if (order.status === "New" || order.status === "Pending") {
        // One that trades or expires at once is news as that only.
        const tellPlaced = () => {
          placed.delete(order.id);
          tell("Order placed", detail, "plain", "order");
        };
        placed.set(order.id, window.setTimeout(tellPlaced, GATHER_MS));
      } else if (order.status === "Cancelled") tell("Order cancelled", detail, "plain", "order");
      else if (order.status === "Expired") tell("Order expired", detail, "bad", "reject");
    },
    onFill(fill, orderOf) {
      const [quantity, price] = [read(fill.quantity), read(fill.price)];
      const sum = gathered.get(fill.order_id);
      if (!sum) window.setTimeout(() => tellFills(fill.order_id), GATHER_MS);
      gathered.set(fill.order_id, {
        fill,
        quantity: (sum?.quantity ?? 0n) + quantity,
        amount: (sum?.amount ?? 0n) + multiplyDown(quantity, price),
        orderOf,
      });
    },
  };
}
