/** The tabs below the chart: open orders, order history, my trades, balances. */

import { choiceGroup, eachFrame, find, findAll, h, setText, syncList } from "../core/dom.ts";
import * as format from "../core/format.ts";
import { recall, remember } from "../core/memory.ts";
import type { Tell } from "../core/notice.ts";
import { cancelAll, cancelList, cancelOrder } from "../link/orders.ts";
import { ApiError } from "../link/rest.ts";
import type { Order } from "../link/types.ts";
import { groupLists, type OpenRow } from "../state/open-rows.ts";
import type { Exchange } from "../state/exchange.ts";
import { isViewed } from "../state/lock.ts";
import { heldFirst, type Portfolio } from "../state/portfolio.ts";
import {
  balanceCells,
  type Cell,
  fillCells,
  historyCells,
  listCells,
  type MarketOf,
  openCells,
} from "./activity-cells.ts";
import type { Ask } from "./ask.ts";

export function mount(
  element: HTMLElement,
  exchange: Exchange,
  portfolio: Portfolio,
  tell: Tell,
  ask: Ask,
): void {
  new Activity(element, exchange, portfolio, tell, ask);
}

class Activity {
  readonly #element: HTMLElement;
  readonly #exchange: Exchange;
  readonly #portfolio: Portfolio;
  readonly #tell: Tell;
  readonly #ask: Ask;
  readonly #onlyMarket: HTMLInputElement;
  readonly #cancelAllButton: HTMLButtonElement;
  readonly #select: (value: string) => void;
  readonly #cancelling = new Set<string>();
  #tab = "open";

  constructor(
    element: HTMLElement,
    exchange: Exchange,
    portfolio: Portfolio,
    tell: Tell,
    ask: Ask,
  ) {
    this.#element = element;
    this.#exchange = exchange;
    this.#portfolio = portfolio;
    this.#tell = tell;
    this.#ask = ask;
    this.#onlyMarket = find(element, "#only-market");
    this.#cancelAllButton = find(element, "#cancel-all");
    this.#select = choiceGroup(find(element, "#activity-tabs"), (value) => this.#show(value));
    this.#onlyMarket.checked = recall("only-market") === "1";
    this.#onlyMarket.addEventListener("change", () => {
      remember("only-market", this.#onlyMarket.checked ? "1" : "0");
      this.#render();
    });
    this.#cancelAllButton.addEventListener("click", () => void this.#cancelAll());
    find(element, "#activity-signed-out").hidden = this.#isSignedIn;
    this.#show("open");
    portfolio.accountId.watch(() => this.#show(this.#tab));
    portfolio.changed.watch(this.#render);
    exchange.market.watch(this.#render);
  }

  get #mayCancel(): boolean {
    const account = this.#exchange.accountOf(this.#portfolio.accountId.value);
    return this.#isSignedIn && !isViewed(account);
  }

  get #isSignedIn(): boolean {
    return this.#exchange.config.user !== null;
  }

  #show(tab: string): void {
    this.#tab = tab;
    this.#select(tab);
    for (const panel of findAll(this.#element, ".activity-panel"))
      panel.hidden = !this.#isSignedIn || panel.id !== `panel-${tab}`;
    this.#cancelAllButton.hidden = tab !== "open" || !this.#mayCancel;
    find(this.#element, ".only-market").hidden = tab === "balances" || !this.#isSignedIn;
    this.#render();
  }

  readonly #render = eachFrame(() => {
    const marketOf: MarketOf = (symbol) => this.#exchange.marketOf(symbol);
    const selected = this.#exchange.market.value?.symbol;
    const isFiltered = this.#onlyMarket.checked;
    const filter = <T extends { market: string }>(items: T[]) =>
      isFiltered ? items.filter((item) => item.market === selected) : items;
    const open = this.#portfolio.openOrders;
    const shown = filter(open);
    setText(find(this.#element, "#open-count"), open.length ? String(open.length) : "");
    this.#cancelAllButton.disabled = shown.length === 0;
    if (this.#tab === "open") {
      this.#fillRows(
        "open-rows",
        groupLists(shown),
        (row) => row.key,
        (row) => (row.order ? openCells(row.order, marketOf) : listCells(row.orders)),
        this.#mayCancel ? (row) => this.#cancelOf(row) : undefined,
        (row) => (row.isLeg ? "leg" : row.order ? "" : "list"),
      );
    } else if (this.#tab === "history") {
      this.#fillRows(
        "history-rows",
        filter(this.#portfolio.closedOrders),
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
  });

  #fillRows<T>(
    id: string,
    items: readonly T[],
    keyOf: (item: T) => string,
    cellsOf: (item: T) => Cell[],
    action?: (item: T) => HTMLElement | null,
    classOf: (item: T) => string = () => "",
  ): void {
    const rows = find(this.#element, `#${id}`);
    const make = (item: T) => {
      const cells = cellsOf(item).map((cell) => h("td", { attrs: { "data-label": cell.label } }));
      const row = h("tr", { class: classOf(item) }, ...cells);
      const button = action?.(item);
      if (action) row.append(h("td", { class: "end action" }, ...(button ? [button] : [])));
      return row;
    };
    const update = (row: HTMLElement, item: T) => {
      cellsOf(item).forEach((cell, index) => {
        const element = row.children[index]!;
        setText(element, cell.text);
        element.className = cell.class ?? "";
      });
    };
    syncList(rows, items, keyOf, make, update);
    const empty = find(this.#element, `[data-empty-for="${id}"]`);
    empty.hidden = items.length > 0 || !this.#portfolio.isLoaded;
    rows.closest("table")!.hidden = items.length === 0;
  }

  /** A list is cancelled as one: the buttons of its orders are its own. */
  #cancelOf(row: OpenRow): HTMLElement | null {
    if (row.order) return row.isLeg ? null : this.#cancelButton(row.order);
    const button = h("button", {
      class: "button quiet small",
      type: "button",
      text: "Cancel",
      attrs: { "aria-label": `Cancel the list of ${row.orders.length} orders` },
      onClick: () => void this.#cancelList(row.key, button),
    });
    return button;
  }

  async #cancelList(listId: string, button: HTMLButtonElement): Promise<void> {
    button.disabled = true;
    try {
      for (const order of await cancelList(this.#exchange, listId)) this.#portfolio.upsert(order);
    } catch (error) {
      this.#tellOf(error);
      void this.#portfolio.load();
    } finally {
      button.disabled = false;
    }
  }

  #cancelButton(order: Order): HTMLElement {
    const at = order.stop_price ? `triggered at ${order.stop_price}` : `at ${order.price ?? "market"}`;
    const button = h("button", {
      class: "button quiet small",
      type: "button",
      text: "Cancel",
      attrs: { "aria-label": `Cancel ${order.side} ${order.market} ${at}` },
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
      this.#tellOf(error);
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
    const market = this.#onlyMarket.checked ? this.#exchange.market.value?.symbol : undefined;
    if (!market && !(await this.#confirmsAllMarkets())) return;
    this.#cancelAllButton.disabled = true;
    try {
      for (const item of await cancelAll(this.#exchange, account, market)) {
        if (item.order) this.#portfolio.upsert(item.order);
        else if (item.error) this.#tellRefused(item.error.message);
      }
    } catch (error) {
      this.#tellOf(error);
    }
    this.#render();
  }

  /** Tell why something was not cancelled; what is no answer of the exchange's is thrown on. */
  #tellOf(error: unknown): void {
    if (!(error instanceof ApiError)) throw error;
    this.#tellRefused(error.message);
  }

  #tellRefused(message: string): void {
    this.#tell("Not cancelled", format.sentence(message), "bad");
  }

  async #confirmsAllMarkets(): Promise<boolean> {
    const open = this.#portfolio.openOrders;
    const markets = [...new Set(open.map((order) => order.market))].sort();
    const [orders, where] = [open.length === 1 ? "order" : "orders", markets.join(", ")];
    return this.#ask(
      "Cancel all open orders?",
      `${open.length} ${orders} in ${where}. Tick “This market” to cancel in one market only.`,
      `Cancel ${open.length} ${orders}`,
    );
  }
}
