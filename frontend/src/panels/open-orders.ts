/** Open orders: sorted, filtered, edited where they stand, cancelled one by one or together. */

import { find, h, setText } from "../core/dom.ts";
import * as format from "../core/format.ts";
import type { Tell } from "../core/notice.ts";
import { recall, remember } from "../core/memory.ts";
import { cancelList } from "../link/orders.ts";
import { ApiError } from "../link/rest.ts";
import type { Order } from "../link/types.ts";
import { cancelOpen } from "../state/cancelling.ts";
import type { Amending } from "../state/amending.ts";
import type { Exchange } from "../state/exchange.ts";
import { isViewed } from "../state/lock.ts";
import {
  BY_TIME,
  type Filter,
  filtered,
  groupLists,
  namedOrders,
  type OpenRow,
  sorted,
  sortedBy,
  type Sorting,
  type SortKey,
} from "../state/open-rows.ts";
import type { Portfolio } from "../state/portfolio.ts";
import { listCells, type MarketOf, openCells } from "./activity-cells.ts";
import type { Ask } from "./ask.ts";
import { RowEditor } from "./row-editor.ts";
import { fillRows, hideEmptyColumns, sortHeads } from "./rows.ts";

const OPTIONAL = ["Trigger", "Average", "Ahead"];

export interface OpenOrdersParts {
  exchange: Exchange;
  portfolio: Portfolio;
  tell: Tell;
  amending: Amending;
  ask: Ask;
  /** What the rows are narrowed to. */
  filter: () => Filter;
  onOpen: (orderId: string) => void;
  redraw: () => void;
}

export class OpenOrders {
  readonly #table: HTMLElement;
  readonly #body: HTMLElement;
  readonly #parts: OpenOrdersParts;
  readonly #amending: Amending;
  readonly #editor: RowEditor;
  readonly #showSorting: (key: SortKey, isDown: boolean) => void;
  #sorting: Sorting = BY_TIME;

  constructor(panel: HTMLElement, parts: OpenOrdersParts) {
    const { exchange, portfolio, amending, redraw } = parts;
    this.#table = find(panel, "table");
    this.#body = find(panel, "tbody");
    this.#parts = parts;
    this.#amending = amending;
    this.#amending.changed.watch(redraw);
    this.#editor = new RowEditor(exchange, portfolio, this.#amending, redraw);
    this.#showSorting = sortHeads<SortKey>(this.#table, (key) => {
      this.#sorting = sortedBy(this.#sorting, key);
      remember("open-sorting", `${this.#sorting.key} ${this.#sorting.isDown ? "down" : "up"}`);
      redraw();
    });
    this.#sorting = rememberedSorting();
  }

  /** Whose orders stand in the rows. */
  get shown(): Order[] {
    return filtered(this.#parts.portfolio.openOrders, this.#parts.filter());
  }

  get #mayChange(): boolean {
    const { exchange, portfolio } = this.#parts;
    const account = exchange.accountOf(portfolio.accountId.value);
    return exchange.config.user !== null && !isViewed(account);
  }

  get #marketOf(): MarketOf {
    return (symbol) => this.#parts.exchange.marketOf(symbol);
  }

  draw(): number {
    const { key, isDown } = this.#sorting;
    this.#showSorting(key, isDown);
    const rows = groupLists(sorted(this.shown, this.#sorting));
    fillRows(this.#body, rows, {
      keyOf: (row) => row.key,
      cellsOf: (row) => (row.order ? openCells(row.order, this.#marketOf) : listCells(row.orders)),
      action: this.#mayChange ? (row) => this.#actionsOf(row) : undefined,
      // The orders of a list come and go one by one: the last one left can be edited and cancelled.
      actionOf: ({ order, orders }) => `${orders.length} ${order && this.#editor.fixed(order)}`,
      classOf: (row) => (row.isLeg ? "leg" : row.order ? "" : "list"),
      onOpen: ({ order }) => order && this.#parts.onOpen(order.id),
      openerOf: ({ order }) => order && `Proof of ${nameOf(order)}`,
      isHeld: (row, { key: id }) => this.#isHeld(row, id),
    });
    hideEmptyColumns(this.#table, OPTIONAL);
    return rows.length;
  }

  #isHeld(row: HTMLElement, id: string): boolean {
    for (const button of row.querySelectorAll<HTMLButtonElement>("button.sends"))
      button.disabled = this.#amending.isSent({ id } as Order);
    return this.#editor.isEditing(id);
  }

  // --- what can be done with a row -------------------------------------------------------------

  /** A list is cancelled as one: its orders have no button of their own. */
  #actionsOf({ key, order, orders, isLeg }: OpenRow): HTMLElement[] {
    if (order === null) return [this.#cancelListButton(key, orders.length)];
    const edit = h("button", {
      class: "button quiet small edit sends",
      type: "button",
      text: "Edit",
      attrs: { "aria-label": `Edit ${nameOf(order)}` },
      onClick: () => {
        const row = edit.closest<HTMLElement>("tr");
        const now = this.#parts.portfolio.openOrders.find(({ id }) => id === order.id);
        if (row && now) this.#editor.begin(row, now);
      },
    });
    const buttons = this.#editor.fixed(order) ? [] : [edit];
    if (isLeg && orders.length > 1) return buttons;
    const cancel = h("button", {
      class: "button quiet small sends",
      type: "button",
      text: "Cancel",
      attrs: { "aria-label": `Cancel ${nameOf(order)}` },
      onClick: () => void this.#amending.cancel(order),
    });
    return isLeg ? buttons : [...buttons, cancel];
  }

  #cancelListButton(listId: string, count: number): HTMLElement {
    const button = h("button", {
      class: "button quiet small",
      type: "button",
      text: "Cancel",
      attrs: { "aria-label": `Cancel the list of ${count} orders` },
      onClick: () => void this.#cancelList(listId, button),
    });
    return button;
  }

  async #cancelList(listId: string, button: HTMLButtonElement): Promise<void> {
    const { exchange, portfolio } = this.#parts;
    button.disabled = true;
    try {
      for (const order of await cancelList(exchange, listId)) portfolio.upsert(order);
    } catch (error) {
      this.#tellOf(error);
      void portfolio.load();
    } finally {
      button.disabled = false;
    }
  }

  /** Cancel what stands in the rows, once that was said and agreed to. */
  async cancelShown(): Promise<void> {
    const { exchange, portfolio, ask, filter } = this.#parts;
    const account = portfolio.accountId.value;
    const { market, side } = filter();
    const orders = this.shown;
    if (!account || !orders.length) return;
    const named = `${orders.length} ${orders.length === 1 ? "order" : "orders"}`;
    const where = market === null ? "in all markets" : `in ${market}`;
    const which = side === null ? "" : ` to ${side.toLowerCase()}`;
    const detail = `${namedOrders(orders)}. All open orders${which} ${where} are cancelled, those that come meanwhile, too.`;
    if (!(await ask(`Cancel ${named}?`, detail, `Cancel ${named}`))) return;
    await cancelOpen(exchange, portfolio, this.#parts.tell, market, side);
  }

  /** Tell why something was not cancelled; what is no answer of the exchange's is thrown on. */
  #tellOf(error: unknown): void {
    if (!(error instanceof ApiError)) throw error;
    this.#tellRefused(error.message);
  }

  #tellRefused(message: string): void {
    this.#parts.tell("Not cancelled", format.sentence(message), "bad", "reject");
  }
}

/** How an order is called: `Buy BTC/USD at 100.00`. */
function nameOf(order: Order): string {
  const at = order.stop_price ? `triggered at ${order.stop_price}` : `at ${order.price ?? "market"}`;
  return `${order.side} ${order.market} ${at}`;
}

function rememberedSorting(): Sorting {
  const [key, way] = (recall("open-sorting") ?? "").split(" ");
  return way ? { key: key as SortKey, isDown: way === "down" } : BY_TIME;
}

/** Write how many there are beside the tab's name. */
export function showCount(element: HTMLElement, count: number): void {
  setText(element, count ? String(count) : "");
}
