/** The tabs below the chart: open orders, order history, my trades, balances. */

import { choiceGroup, eachFrame, find, findAll, h } from "../core/dom.ts";
import { recall, remember } from "../core/memory.ts";
import type { Tell } from "../core/notice.ts";
import { BASE } from "../link/rest.ts";
import type { Fill, Order } from "../link/types.ts";
import type { Amending } from "../state/amending.ts";
import type { Exchange } from "../state/exchange.ts";
import { isViewed } from "../state/lock.ts";
import type { Filter } from "../state/open-rows.ts";
import { type Narrowing, Past } from "../state/past.ts";
import { heldFirst, type Portfolio } from "../state/portfolio.ts";
import {
  balanceCells,
  fillCells,
  historyCells,
  type MarketOf,
} from "./activity-cells.ts";
import type { Ask } from "./ask.ts";
import { OpenOrders, showCount } from "./open-orders.ts";
import { PastTable } from "./past-table.ts";
import { fillRows } from "./rows.ts";

const CLOSED = "Filled,Cancelled,Expired";
type Tab = "open" | "history" | "fills" | "balances";

export function mount(
  element: HTMLElement,
  exchange: Exchange,
  portfolio: Portfolio,
  tell: Tell,
  amending: Amending,
  ask: Ask,
): void {
  new Activity(element, exchange, portfolio, tell, amending, ask);
}

class Activity {
  readonly #element: HTMLElement;
  readonly #exchange: Exchange;
  readonly #portfolio: Portfolio;
  /** This market or all of them, or a choice of any. */
  readonly #onlyMarket: HTMLInputElement | HTMLSelectElement;
  /** On a page of its own: of which state the past is. */
  readonly #onlyStatus: HTMLSelectElement | null;
  readonly #onlySide: HTMLSelectElement;
  readonly #cancelAllButton: HTMLButtonElement;
  readonly #select: (value: string) => void;
  readonly #open: OpenOrders;
  readonly #history: PastTable<Order>;
  readonly #fills: PastTable<Fill>;
  #tab: Tab;

  constructor(
    element: HTMLElement,
    exchange: Exchange,
    portfolio: Portfolio,
    tell: Tell,
    amending: Amending,
    ask: Ask,
  ) {
    this.#element = element;
    this.#exchange = exchange;
    this.#portfolio = portfolio;
    this.#onlyMarket = find(element, "#only-market");
    this.#onlyStatus = element.querySelector("#only-status");
    this.#tab = (element.dataset["tab"] ?? "open") as Tab;
    this.#onlySide = find(element, "#only-side");
    this.#cancelAllButton = find(element, "#cancel-all");
    const [redraw, onOpen] = [this.#render, this.#openProof];
    const filter = (): Filter => this.#filter;
    const parts = { exchange, portfolio, tell, amending, ask, filter, onOpen, redraw };
    this.#open = new OpenOrders(find(element, "#panel-open"), parts);
    this.#history = this.#historyTable();
    this.#fills = this.#fillsTable();
    this.#select = choiceGroup(find(element, "#activity-tabs"), (value) => this.#show(value as Tab));
    this.#followMarkets();
    this.#onlyStatus?.addEventListener("change", this.#render);
    this.#onlySide.addEventListener("change", this.#render);
    this.#cancelAllButton.addEventListener("click", () => void this.#open.cancelShown());
    find(element, "#activity-signed-out").hidden = this.#isSignedIn;
    portfolio.accountId.watch(() => {
      this.#history.restart();
      this.#fills.restart();
      this.#show(this.#tab);
    });
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

  get #market(): string | null {
    const only = this.#onlyMarket;
    if (only instanceof HTMLSelectElement) return only.value || null;
    return only.checked ? (this.#exchange.market.value?.symbol ?? null) : null;
  }

  /** Beside orders and chart sides are those of the open orders alone. */
  get #pastSide(): string | null {
    return this.#onlyMarket instanceof HTMLSelectElement ? this.#onlySide.value || null : null;
  }

  get #pastOrders(): Narrowing {
    return { market: this.#market, side: this.#pastSide, status: this.#onlyStatus?.value || CLOSED };
  }

  #followMarkets(): void {
    const only = this.#onlyMarket;
    if (only instanceof HTMLSelectElement) {
      this.#exchange.markets.watch((markets) => {
        const missing = markets.slice(only.options.length - 1);
        only.append(...missing.map(({ symbol }) => h("option", { text: symbol })));
      });
    } else {
      only.checked = recall("only-market") === "1";
    }
    only.addEventListener("change", () => {
      if (only instanceof HTMLInputElement) remember("only-market", only.checked ? "1" : "0");
      this.#render();
    });
  }

  get #filter(): Filter {
    return { market: this.#market, side: (this.#onlySide.value || null) as Filter["side"] };
  }

  readonly #marketOf: MarketOf = (symbol) => this.#exchange.marketOf(symbol);

  #show(tab: Tab): void {
    this.#tab = tab;
    this.#select(tab);
    for (const panel of findAll(this.#element, ".activity-panel"))
      panel.hidden = !this.#isSignedIn || panel.id !== `panel-${tab}`;
    this.#cancelAllButton.hidden = tab !== "open" || !this.#mayCancel;
    find(this.#element, ".only-market").hidden = tab === "balances" || !this.#isSignedIn;
    this.#history.isShown = tab === "history" && this.#isSignedIn;
    this.#fills.isShown = tab === "fills" && this.#isSignedIn;
    this.#render();
  }

  readonly #render = eachFrame(() => {
    showCount(find(this.#element, "#open-count"), this.#portfolio.openOrders.length);
    this.#cancelAllButton.disabled = this.#open.shown.length === 0;
    if (this.#tab === "open") this.#drawOpen();
    else if (this.#tab === "history") this.#history.draw();
    else if (this.#tab === "fills") this.#fills.draw();
    else this.#drawBalances();
    this.#drawEmpty("history-rows");
    this.#drawEmpty("fill-rows");
  });

  #drawOpen(): void {
    const count = this.#open.draw();
    this.#drawEmpty("open-rows", count);
    // What narrows the rows to none stays in reach.
    const isNarrowed = count === 0 && this.#onlySide.value !== "";
    if (isNarrowed) find(this.#element, "#open-rows").closest("table")!.hidden = false;
  }

  #drawBalances(): void {
    const balances = heldFirst(this.#portfolio.balances);
    const rows = { keyOf: ({ asset }: { asset: string }) => asset, cellsOf: balanceCells };
    fillRows(find(this.#element, "#balance-rows"), balances, rows);
    this.#drawEmpty("balance-rows", balances.length);
  }

  /** Say that there is nothing where there is nothing; a table without rows is not shown. */
  #drawEmpty(id: string, count = find(this.#element, `#${id}`).children.length): void {
    const empty = find(this.#element, `[data-empty-for="${id}"]`);
    const days = findAll<HTMLInputElement>(empty.parentElement!, ".small-date");
    empty.hidden = count > 0 || !this.#portfolio.isLoaded || days.some(({ value }) => value);
    find(this.#element, `#${id}`).closest("table")!.hidden = count === 0;
  }

  // --- the past ---------------------------------------------------------------------------------

  #historyTable(): PastTable<Order> {
    const past = new Past<Order>(
      (order) => order.id,
      (query, cursor) => this.#page(`orders?${query}`, cursor),
    );
    return new PastTable(find(this.#element, "#panel-history"), {
      past,
      rows: {
        keyOf: (order) => order.id,
        cellsOf: (order) => historyCells(order, this.#marketOf),
        onOpen: (order) => this.#openProof(order.id),
        openerOf: (order) => `Proof of ${order.side} ${order.market}, ${order.status}`,
      },
      live: () => this.#portfolio.closedOrders,
      narrowing: () => this.#pastOrders,
      redraw: this.#render,
      file: (query) => this.#path(`orders/file?${query}`),
    });
  }

  #fillsTable(): PastTable<Fill> {
    const keyOf = (fill: Fill) => `${fill.market}/${fill.id}/${fill.order_id}`;
    const past = new Past<Fill>(keyOf, (query, cursor) => this.#page(`trades?${query}`, cursor));
    return new PastTable(find(this.#element, "#panel-fills"), {
      past,
      rows: {
        keyOf,
        cellsOf: (fill) => fillCells(fill, this.#marketOf),
        onOpen: (fill) => this.#openProof(fill.order_id),
        openerOf: (fill) => `Proof of the order of trade ${fill.id} in ${fill.market}`,
      },
      live: () => this.#portfolio.fills,
      narrowing: () => ({ market: this.#market, side: this.#pastSide }),
      redraw: this.#render,
      file: (query) => this.#path(`trades/file?${query}`),
    });
  }

  #path(path: string): string | null {
    const account = this.#portfolio.accountId.value;
    return account && `${BASE}/accounts/${encodeURIComponent(account)}/${path}`;
  }

  #page<T>(path: string, cursor: string): Promise<{ items: T[]; next: string | null }> {
    const account = this.#portfolio.accountId.value;
    if (!account) return Promise.resolve({ items: [], next: null });
    const after = cursor && `&cursor=${encodeURIComponent(cursor)}`;
    return this.#exchange.rest.getPage<T>(
      `/accounts/${encodeURIComponent(account)}/${path}&limit=100${after}`,
    );
  }

  /** The proof of an order is loaded with the first one that is asked for. */
  readonly #openProof = (orderId: string): void => {
    // On a phone the orders are one view of several, and the proof stands above all of them.
    const page = this.#element.closest<HTMLElement>("main, .trade") ?? this.#element;
    void import("./proof.ts").then(({ open }) => open(page, this.#exchange, orderId));
  };
}
