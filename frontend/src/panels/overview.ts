/**
 * The table of all markets. The server made its rows; from then on they are kept live by the same
 * channels, stars and choices as the trading page's list.
 */

import { show } from "../core/decimal.ts";
import { eachFrame, find, findAll, h, setText, syncList } from "../core/dom.ts";
import * as format from "../core/format.ts";
import type { Market, Ticker } from "../link/types.ts";
import { whenOf } from "../state/calendar.ts";
import type { Exchange } from "../state/exchange.ts";
import * as figures from "../state/figures.ts";
import { listMarkets, quotesOf, toggled } from "../state/market-list.ts";
import {
  type Column,
  inOrder,
  type Arrangement,
  orderAsked,
  orderedBy,
  orderOf,
  sortingOf,
  spreadBps,
} from "../state/market-order.ts";
import type { Preferences } from "../state/preferences.ts";
import { sparkDrawer } from "./sparklines.ts";

export function mount(page: HTMLElement, exchange: Exchange, preferences: Preferences): void {
  new Overview(page, exchange, preferences);
}

class Overview {
  readonly #page: HTMLElement;
  readonly #exchange: Exchange;
  readonly #preferences: Preferences;
  readonly #rows: HTMLElement;
  readonly #search: HTMLInputElement;
  readonly #drawSpark: (box: Element, symbol: string) => void;
  #order: Arrangement;

  constructor(page: HTMLElement, exchange: Exchange, preferences: Preferences) {
    this.#page = page;
    this.#exchange = exchange;
    this.#preferences = preferences;
    this.#rows = find(page, "#overview-rows");
    this.#search = find<HTMLInputElement>(page, "#overview-search");
    const query = new URLSearchParams(location.search);
    this.#order = orderAsked(query) ?? orderOf(preferences.value);
    // An address that asks for one currency means it.
    if (query.has("quote")) this.#choose(query.get("quote") ?? "", false);
    this.#drawSpark = sparkDrawer(exchange, () => this.#render());
    this.#listen();
    for (const signal of [exchange.markets, exchange.tickers, preferences.chosen])
      signal.watch(this.#render);
  }

  #listen(): void {
    this.#search.addEventListener("input", this.#render);
    find<HTMLFormElement>(this.#page, ".overview-tools").addEventListener("submit", (event) => {
      event.preventDefault();
      if (this.#search.value.trim()) this.#rows.querySelector<HTMLElement>("a")?.click();
    });
    find(this.#page, "#overview-sort").addEventListener("click", (event) => {
      const head = (event.target as Element).closest<HTMLElement>("[data-sort]");
      if (!head || event.metaKey || event.ctrlKey || event.shiftKey) return;
      event.preventDefault();
      this.#order = orderedBy(this.#order, head.dataset["sort"] as Column);
      const sorting = sortingOf(this.#order);
      if (sorting) this.#preferences.change(sorting);
      this.#render();
    });
  }

  #choose(quote: string, isForStars: boolean): void {
    this.#preferences.change({ markets_quote: quote, only_favourites: isForStars });
  }

  readonly #render = eachFrame(() => {
    const { markets, tickers } = this.#exchange;
    // Until they have come the server's rows stand.
    if (!markets.value.length) return;
    const chosen = this.#preferences.value;
    const filter = { ...chosen, markets_sort: "none" as const };
    const shown = listMarkets(markets.value, tickers.value, this.#search.value, filter);
    syncList(
      this.#rows,
      inOrder(shown, tickers.value, this.#order),
      (market) => market.symbol,
      makeRow,
      (row, market) => this.#updateRow(row, market),
    );
    const empty = find(this.#page, "#overview-empty");
    empty.hidden = shown.length > 0;
    const isForStars = chosen.only_favourites && !this.#search.value.trim();
    setText(empty, isForStars ? "No favourites here: press a market's star." : "No market matches.");
    this.#drawHeads();
    this.#drawFilter(quotesOf(markets.value));
  });

  #drawHeads(): void {
    const { by, isDescending } = this.#order;
    for (const head of findAll(this.#page, "[data-sort]")) {
      const cell = head.parentElement!;
      if (head.dataset["sort"] !== by) cell.removeAttribute("aria-sort");
      else cell.setAttribute("aria-sort", isDescending ? "descending" : "ascending");
    }
  }

  /** All, favourites, or the markets of one currency. */
  #drawFilter(quotes: readonly string[]): void {
    const filter = find(this.#page, "#overview-filter");
    for (const link of findAll(filter, "a")) link.remove();
    const { markets_quote: quote, only_favourites: isForStars } = this.#preferences.value;
    syncList(
      filter,
      ["", "★", ...(quotes.length > 1 ? quotes : [])],
      (name) => name,
      (name) =>
        h("button", {
          type: "button",
          text: name || "All",
          ...(name === "★" ? { attrs: { "aria-label": "★ Favourites" } } : {}),
          onClick: () => this.#choose(name === "★" ? "" : name, name === "★"),
        }),
      (element, name) => {
        const isChosen = isForStars ? name === "★" : name === quote;
        element.setAttribute("aria-pressed", String(isChosen));
      },
    );
  }

  #updateRow(row: HTMLElement, market: Market): void {
    const ticker = this.#exchange.tickers.value.get(market.symbol);
    this.#updateStar(find(row, ".c-star"), market.symbol);
    const state = find(row, ".market-state");
    state.hidden = market.state === "Continuous";
    setText(state, format.words(market.state));
    state.title = whenOf(market);
    for (const [name, text] of textsOf(ticker, market)) setText(find(row, `.c-${name}`), text);
    setText(find(row, ".c-base span"), format.compact(ticker?.volume_24h));
    setText(find(row, ".c-volume span"), format.compact(ticker?.quote_volume_24h));
    const trend = format.trend(ticker?.change_24h_percent);
    find(row, ".c-change").className = `c-change num end ${trend}`;
    this.#drawSpark(find(row, ".c-spark"), market.symbol);
  }

  #updateStar(cell: HTMLElement, symbol: string): void {
    let star = cell.querySelector<HTMLElement>(".star");
    if (!star) {
      star = h("button", {
        class: "star",
        type: "button",
        text: "★",
        attrs: { "aria-label": `★ Favourite ${symbol}` },
        onClick: () =>
          this.#preferences.change({
            favourites: toggled(this.#preferences.value.favourites, symbol),
          }),
      });
      cell.append(star);
    }
    const isStarred = this.#preferences.value.favourites.includes(symbol);
    star.setAttribute("aria-pressed", String(isStarred));
  }
}

function textsOf(ticker: Ticker | undefined, market: Market): [string, string][] {
  const spread = spreadBps(ticker);
  return [
    ["last", figures.price(ticker?.last, market)],
    ["change", format.percent(ticker?.change_24h_percent)],
    ["high", figures.price(ticker?.high_24h, market)],
    ["low", figures.price(ticker?.low_24h, market)],
    ["spread", spread === null ? format.NONE : `${show(spread, 1)} bp`],
  ];
}

/** A row as the server's template makes it. */
function makeRow(market: Market): HTMLElement {
  const { symbol, base_asset: base, quote_asset: quote } = market;
  const cell = (name: string, ...children: Node[]) =>
    h("td", { class: `c-${name}` }, ...children);
  const figure = (name: string, ...children: Node[]) =>
    h("td", { class: `c-${name} num end` }, ...children);
  const link = h(
    "a",
    { href: `/trade/${symbol.replace("/", "-")}` },
    h("b", { text: base }),
    h("i", { text: `/${quote}` }),
  );
  const amount = (asset: string) => [h("span"), new Text(" "), h("i", { text: asset })];
  return h(
    "tr",
    {},
    cell("star"),
    cell("name", link, h("span", { class: "market-state" })),
    ...["last", "change", "high", "low"].map((name) => figure(name)),
    figure("base", ...amount(base)),
    figure("volume", ...amount(quote)),
    figure("spread"),
    h("td", { class: "c-spark end" }),
  );
}
