/** The tabs below the chart: open orders, order history, my trades, balances. */

import { ask } from "./ask.ts";
import { recall, remember } from "../core/memory.ts";
import { read, show } from "../core/decimal.ts";
import { all, byId, choiceGroup, eachFrame, h, setText, syncList } from "../core/dom.ts";
import type { Exchange } from "../state/exchange.ts";
import * as format from "../core/format.ts";
import { cancelAll, cancelOrder } from "../link/orders.ts";
import { isOpen, type Portfolio } from "../state/portfolio.ts";
import { ApiError } from "../link/rest.ts";
import { toast } from "./toasts.ts";
import type { Balance, Fill, Market, Order } from "../link/types.ts";

interface Cell {
  label: string;
  text: string;
  class?: string;
}

type MarketOf = (symbol: string) => Market | undefined;

export class Activity {
  readonly #exchange: Exchange;
  readonly #portfolio: Portfolio;
  readonly #select: (value: string) => void;
  readonly #cancelling = new Set<string>();
  #tab = "open";

  constructor(exchange: Exchange, portfolio: Portfolio) {
    this.#exchange = exchange;
    this.#portfolio = portfolio;
    this.#select = choiceGroup(byId("activity-tabs"), (value) => this.show(value));
    const onlyMarket = byId<HTMLInputElement>("only-market");
    onlyMarket.checked = recall("only-market") === "1";
    onlyMarket.addEventListener("change", () => {
      remember("only-market", onlyMarket.checked ? "1" : "0");
      this.#render();
    });
    byId("cancel-all").addEventListener("click", () => void this.#cancelAll());
    const isSignedIn = exchange.config.user !== null;
    byId("activity-signed-out").hidden = isSignedIn;
    byId("assets").hidden = !isSignedIn;
    this.show("open");
    portfolio.changed.watch(this.#render);
    exchange.market.watch(this.#render);
  }

  show(tab: string): void {
    this.#tab = tab;
    this.#select(tab);
    const isSignedIn = this.#exchange.config.user !== null;
    for (const panel of all(".activity-panel"))
      panel.hidden = !isSignedIn || panel.id !== `panel-${tab}`;
    byId("cancel-all").hidden = tab !== "open" || !isSignedIn;
    document.querySelector<HTMLElement>(".only-market")!.hidden = tab === "balances" || !isSignedIn;
    this.#render();
  }

  readonly #render = eachFrame(() => {
    const marketOf: MarketOf = (symbol) => this.#exchange.marketOf(symbol);
    const selected = this.#exchange.market.value?.symbol;
    const isFiltered = byId<HTMLInputElement>("only-market").checked;
    const filter = <T extends { market: string }>(items: T[]) =>
      isFiltered ? items.filter((item) => item.market === selected) : items;
    const open = this.#portfolio.openOrders;
    const shown = filter(open);
    setText(byId("open-count"), open.length ? String(open.length) : "");
    byId<HTMLButtonElement>("cancel-all").disabled = shown.length === 0;
    if (this.#tab === "open") {
      this.#fillRows(
        "open-rows",
        shown,
        (order) => order.id,
        (order) => openCells(order, marketOf),
        (order) => this.#cancelButton(order),
      );
    } else if (this.#tab === "history") {
      this.#fillRows(
        "history-rows",
        filter([...this.#portfolio.closedOrders]),
        (order) => order.id,
        (order) => historyCells(order, marketOf),
      );
    } else if (this.#tab === "fills") {
      this.#fillRows(
        "fill-rows",
        filter(this.#portfolio.fills),
        (fill) => `${fill.id}/${fill.order_id}`,
        (fill) => fillCells(fill, marketOf),
      );
    } else {
      this.#fillRows(
        "balance-rows",
        heldFirst(this.#portfolio.balances),
        (balance) => balance.asset,
        balanceCells,
      );
    }
    this.#drawAssets();
  });

  #fillRows<T>(
    id: string,
    items: readonly T[],
    keyOf: (item: T) => string,
    cellsOf: (item: T) => Cell[],
    action?: (item: T) => HTMLElement,
  ): void {
    const make = (item: T) => {
      const cells = cellsOf(item).map((cell) => h("td", { attrs: { "data-label": cell.label } }));
      const row = h("tr", {}, ...cells);
      if (action) row.append(h("td", { class: "end action" }, action(item)));
      return row;
    };
    const update = (row: HTMLElement, item: T) => {
      cellsOf(item).forEach((cell, index) => {
        const element = row.children[index]!;
        setText(element, cell.text);
        element.className = cell.class ?? "";
      });
    };
    syncList(byId(id), items, keyOf, make, update);
    const empty = document.querySelector<HTMLElement>(`[data-empty-for="${id}"]`)!;
    empty.hidden = items.length > 0 || !this.#portfolio.isLoaded;
    byId(id).closest("table")!.hidden = items.length === 0;
  }

  #cancelButton(order: Order): HTMLElement {
    const button = h("button", {
      class: "button quiet small",
      type: "button",
      text: "Cancel",
      attrs: { "aria-label": `Cancel ${order.side} ${order.market} at ${order.price ?? "market"}` },
      onClick: () => void this.#cancel(order, button),
    });
    return button;
  }

  async #cancel(order: Order, button: HTMLButtonElement): Promise<void> {
    if (this.#cancelling.has(order.id)) return;
    this.#cancelling.add(order.id);
    button.disabled = true;
    try {
      this.#portfolio.upsert(await cancelOrder(this.#exchange, order));
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      toast("Not cancelled", format.sentence(error.message), "bad");
      // It may have filled a moment ago, unseen here.
      void this.#portfolio.load();
    } finally {
      this.#cancelling.delete(order.id);
      button.disabled = false;
    }
  }

  async #cancelAll(): Promise<void> {
    const account = this.#portfolio.accountId.value;
    if (!account) return;
    const isFiltered = byId<HTMLInputElement>("only-market").checked;
    const market = isFiltered ? this.#exchange.market.value?.symbol : undefined;
    if (!market && !(await this.#confirmsAllMarkets())) return;
    const button = byId<HTMLButtonElement>("cancel-all");
    button.disabled = true;
    try {
      for (const item of await cancelAll(this.#exchange, account, market)) {
        if (item.order) this.#portfolio.upsert(item.order);
        else if (item.error) toast("Not cancelled", format.sentence(item.error.message), "bad");
      }
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      toast("Not cancelled", format.sentence(error.message), "bad");
    }
    this.#render();
  }

  async #confirmsAllMarkets(): Promise<boolean> {
    const open = this.#portfolio.openOrders;
    const markets = [...new Set(open.map((order) => order.market))].sort();
    const [orders, where] = [open.length === 1 ? "order" : "orders", markets.join(", ")];
    return ask(
      "Cancel all open orders?",
      `${open.length} ${orders} in ${where}. Tick “This market” to cancel in one market only.`,
      `Cancel ${open.length} ${orders}`,
    );
  }

  /** The short list of assets under the order form: the market's two first. */
  #drawAssets(): void {
    const market = this.#exchange.market.value;
    if (!market) return;
    const rank = (balance: Balance) =>
      balance.asset === market.base_asset ? 0 : balance.asset === market.quote_asset ? 1 : 2;
    const shown = heldFirst(this.#portfolio.balances)
      .filter((balance) => rank(balance) < 2 || read(balance.total) > 0n)
      .sort((a, b) => rank(a) - rank(b));
    const make = (balance: Balance) =>
      h("div", {}, h("dt", { text: balance.asset }), h("dd", { class: "num" }));
    syncList(
      byId("asset-list"),
      shown,
      (balance) => balance.asset,
      make,
      (row, balance) => setText(row.lastElementChild!, format.balance(balance.total)),
    );
  }
}

function heldFirst(balances: readonly Balance[]): Balance[] {
  const isEmpty = (balance: Balance) => (read(balance.total) > 0n ? 0 : 1);
  return [...balances].sort((a, b) => isEmpty(a) - isEmpty(b));
}

function orderType(order: Order): string {
  const extra = order.post_only
    ? " · post-only"
    : order.time_in_force === "GTC"
      ? ""
      : ` · ${order.time_in_force}`;
  return format.words(order.order_type) + (order.order_type === "Market" ? "" : extra);
}

function sideCell(side: string): Cell {
  return { label: "Side", text: side, class: side === "Buy" ? "up" : "down" };
}

function filled(order: Order): string {
  const quantity = read(order.quantity);
  if (quantity === 0n) return "0%";
  return `${show((read(order.filled_quantity) * 100n * 10n ** 18n) / quantity, 0)}%`;
}

function openCells(order: Order, marketOf: MarketOf): Cell[] {
  const market = marketOf(order.market);
  return [
    { label: "Time", text: format.dateTime(order.created_at), class: "num muted" },
    { label: "Market", text: order.market, class: "strong" },
    { label: "Type", text: orderType(order) },
    sideCell(order.side),
    { label: "Price", text: format.price(order.price, market), class: "num end" },
    { label: "Quantity", text: format.ownQuantity(order.quantity, market), class: "num end" },
    { label: "Filled", text: filled(order), class: "num end" },
    { label: "Status", text: order.status === "New" ? "Open" : format.words(order.status) },
  ];
}

function historyCells(order: Order, marketOf: MarketOf): Cell[] {
  const market = marketOf(order.market);
  const status = format.words(order.status);
  const reason = isOpen(order) ? "" : format.reason(order.reason);
  return [
    { label: "Time", text: format.dateTime(order.created_at), class: "num muted" },
    { label: "Market", text: order.market, class: "strong" },
    { label: "Type", text: orderType(order) },
    sideCell(order.side),
    {
      label: "Price",
      text: order.order_type === "Market" ? "Market" : format.price(order.price, market),
      class: "num end",
    },
    { label: "Average", text: format.price(order.average_fill_price, market), class: "num end" },
    { label: "Quantity", text: quantityAsked(order, market), class: "num end" },
    { label: "Filled", text: format.ownQuantity(order.filled_quantity, market), class: "num end" },
    { label: "Status", text: reason ? `${status}: ${reason}` : status, class: "wrap" },
  ];
}

/** A market order by amount has no quantity of its own. */
function quantityAsked(order: Order, market: Market | undefined): string {
  if (order.quote_quantity) {
    return `${format.balance(order.quote_quantity)} ${market?.quote_asset ?? ""}`;
  }
  return format.ownQuantity(order.quantity, market);
}

function fillCells(fill: Fill, marketOf: MarketOf): Cell[] {
  const market = marketOf(fill.market);
  return [
    { label: "Time", text: format.dateTime(fill.created_at), class: "num muted" },
    { label: "Market", text: fill.market, class: "strong" },
    sideCell(fill.side),
    { label: "Price", text: format.price(fill.price, market), class: "num end" },
    { label: "Quantity", text: format.ownQuantity(fill.quantity, market), class: "num end" },
    {
      label: "Amount",
      text: `${format.balance(fill.amount)} ${market?.quote_asset ?? ""}`,
      class: "num end",
    },
    { label: "Fee", text: `${format.balance(fill.fee)} ${fill.fee_asset}`, class: "num end" },
    { label: "Role", text: fill.liquidity },
  ];
}

function balanceCells(balance: Balance): Cell[] {
  return [
    { label: "Asset", text: balance.asset, class: "strong" },
    { label: "Total", text: format.balance(balance.total), class: "num end" },
    { label: "Available", text: format.balance(balance.available), class: "num end" },
    { label: "In orders", text: format.balance(balance.locked), class: "num end" },
  ];
}
