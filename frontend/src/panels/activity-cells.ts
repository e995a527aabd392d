/** What stands in the rows of the activity's tables: label, text and class of each cell. */

import { read, showAll } from "../core/decimal.ts";
import * as format from "../core/format.ts";
import type { Side } from "../link/messages.ts";
import type { Balance, Fill, Market, Order } from "../link/types.ts";
import * as figures from "../state/figures.ts";
import { timeOf } from "../state/order-kinds.ts";
import { listTitle } from "../state/open-rows.ts";
import { aheadOf, type Queued } from "../state/own-levels.ts";
import { isOpen } from "../state/portfolio.ts";

export interface Cell {
  label: string;
  text: string;
  class?: string;
}

export type MarketOf = (symbol: string) => Market | undefined;

/** The type, and with it what an order asks for beside its figures. */
function orderType(order: Order): string {
  const said = [
    format.words(order.order_type),
    order.post_only && "post-only",
    timeOf(order),
    order.display_quantity && `iceberg ${showAll(read(order.display_quantity), 0)}`,
  ];
  return said.filter(Boolean).join(" · ");
}

function openStatus(order: Order): string {
  const status = order.status === "New" ? "Open" : format.words(order.status);
  return order.expires_at ? `${status} until ${format.dayTime(order.expires_at)}` : status;
}

function sideCell(side: Side): Cell {
  return { label: "Side", text: side, class: side === "Buy" ? "up" : "down" };
}

/** What stands ahead of an order in the book, with the asset that it is counted in. */
function ahead(order: Queued, market: Market | undefined): string {
  const text = aheadOf(order);
  if (text === null) return format.NONE;
  if (read(text) === 0n) return "first";
  return `${showAll(read(text), 2)} ${market?.base_asset ?? ""} ahead`;
}

/** The row above the orders of a list. */
export function listCells(orders: readonly Order[]): Cell[] {
  const [first] = orders;
  const empty = (label: string): Cell => ({ label, text: "", class: "end" });
  return [
    { label: "Time", text: first ? format.dateTime(first.created_at) : "", class: "num muted" },
    { label: "Market", text: first?.market ?? "", class: "strong" },
    { label: "List", text: listTitle(orders), class: "fold strong" },
    { label: "Orders", text: `${orders.length} open` },
    ...["Trigger", "Price", "Quantity", "Remaining", "Average", "Ahead", "Status"].map(empty),
  ];
}

export function openCells(order: Queued, marketOf: MarketOf): Cell[] {
  const market = marketOf(order.market);
  return [
    { label: "Time", text: format.dateTime(order.created_at), class: "num muted fold" },
    { label: "Market", text: order.market, class: "strong" },
    { label: "Type", text: orderType(order), class: "fold" },
    sideCell(order.side),
    { label: "Trigger", text: figures.trigger(order, market), class: "num end" },
    { label: "Price", text: priceAsked(order, market), class: "num end" },
    { label: "Quantity", text: quantityAsked(order, market), class: "num end" },
    { label: "Remaining", text: remaining(order, market), class: "num end" },
    { label: "Average", text: figures.price(order.average_fill_price, market), class: "num end" },
    { label: "Ahead", text: ahead(order, market), class: "num end" },
    { label: "Status", text: openStatus(order), class: "fold" },
  ];
}

/** A market order by amount says nothing of what is left. */
function remaining(order: Order, market: Market | undefined): string {
  return order.quantity ? figures.ownQuantity(order.remaining_quantity, market) : format.NONE;
}

export function historyCells(order: Order, marketOf: MarketOf): Cell[] {
  const market = marketOf(order.market);
  const status = format.words(order.status);
  const reason = isOpen(order) ? "" : figures.reason(order.reason);
  return [
    { label: "Time", text: format.dateTime(order.created_at), class: "num muted" },
    { label: "Market", text: order.market, class: "strong" },
    { label: "Type", text: orderType(order), class: "fold" },
    sideCell(order.side),
    { label: "Trigger", text: figures.trigger(order, market), class: "num end" },
    { label: "Price", text: priceAsked(order, market), class: "num end" },
    { label: "Average", text: figures.price(order.average_fill_price, market), class: "num end" },
    { label: "Quantity", text: quantityAsked(order, market), class: "num end" },
    { label: "Filled", text: figures.ownQuantity(order.filled_quantity, market), class: "num end" },
    { label: "Status", text: reason ? `${status}: ${reason}` : status, class: "wrap" },
  ];
}

/** An order without a price of its own takes the market's. */
function priceAsked(order: Order, market: Market | undefined): string {
  return order.price === null ? "Market" : figures.price(order.price, market);
}

/** A market order by amount has no quantity of its own. */
function quantityAsked(order: Order, market: Market | undefined): string {
  if (order.quote_quantity) {
    return `${format.balance(order.quote_quantity)} ${market?.quote_asset ?? ""}`;
  }
  return figures.ownQuantity(order.quantity, market);
}

export function fillCells(fill: Fill, marketOf: MarketOf): Cell[] {
  const market = marketOf(fill.market);
  return [
    { label: "Time", text: format.dateTime(fill.created_at), class: "num muted" },
    { label: "Market", text: fill.market, class: "strong" },
    sideCell(fill.side),
    { label: "Price", text: figures.price(fill.price, market), class: "num end" },
    { label: "Quantity", text: figures.ownQuantity(fill.quantity, market), class: "num end" },
    {
      label: "Amount",
      text: `${format.balance(fill.amount)} ${market?.quote_asset ?? ""}`,
      class: "num end",
    },
    { label: "Fee", text: `${format.balance(fill.fee)} ${fill.fee_asset}`, class: "num end" },
    { label: "Role", text: fill.liquidity },
  ];
}

export function balanceCells(balance: Balance): Cell[] {
  return [
    { label: "Asset", text: balance.asset, class: "strong" },
    { label: "Total", text: format.balance(balance.total), class: "num end" },
    { label: "Available", text: format.balance(balance.available), class: "num end" },
    { label: "In orders", text: format.balance(balance.locked), class: "num end" },
  ];
}
