/**
 * The list of markets: a column, a sheet where there is no room for one, a view of a phone. Stars,
 * filters and sorting are the reader's own and are kept.
 */

import { eachFrame, find, findAll, h, setText, syncList } from "../core/dom.ts";
import * as format from "../core/format.ts";
import type { Market } from "../link/types.ts";
import type { Exchange } from "../state/exchange.ts";
import * as figures from "../state/figures.ts";
import { listMarkets, quotesOf, type SortBy, sortedBy, toggled } from "../state/market-list.ts";
import type { Preferences } from "../state/preferences.ts";

/** From this width on there is room for a line of each market's day. */
const SPARKS_PX = 400;

interface Callbacks {
  /** A market was chosen. */
  onChoose: () => void;
  /** Show the list where it is a view; false where it is a column or a sheet. */
  showView: () => boolean;
}

/** `button` opens and closes the sheet. Return what opens the search. */
export function mount(
  panel: HTMLElement,
  button: HTMLElement,
  exchange: Exchange,
  preferences: Preferences,
  callbacks: Callbacks,
): () => void {
  return new Markets(panel, button, exchange, preferences, callbacks).open;
}

class Markets {
  readonly #panel: HTMLElement;
  readonly #button: HTMLElement;
  readonly #exchange: Exchange;
  readonly #preferences: Preferences;
  readonly #callbacks: Callbacks;
  readonly #list: HTMLElement;
  readonly #filter: HTMLElement;
  readonly #search: HTMLInputElement;
  #drawSpark: ((box: Element, symbol: string) => void) | null = null;
  #areSparksAsked = false;

  constructor(
    panel: HTMLElement,
    button: HTMLElement,
    exchange: Exchange,
    preferences: Preferences,
    callbacks: Callbacks,
  ) {
    this.#panel = panel;
    this.#button = button;
    this.#exchange = exchange;
    this.#preferences = preferences;
    this.#callbacks = callbacks;
    this.#list = find(panel, "#market-list");
    this.#filter = find(panel, "#market-filter");
    this.#search = find<HTMLInputElement>(panel, "#market-search");
    this.#listen();
    for (const signal of [exchange.markets, exchange.tickers, exchange.market, preferences.chosen])
      signal.watch(this.#render);
    new ResizeObserver(() => this.#askSparks()).observe(panel);
  }

  /** Show the list, with the search at hand. */
  readonly open = () => {
    if (!this.#callbacks.showView()) this.#setOpen(true);
    this.#search.focus();
  };

  #setOpen(isOpen: boolean): void {
    this.#panel.classList.toggle("open", isOpen);
    this.#button.setAttribute("aria-expanded", String(isOpen));
  }

  #listen(): void {
    const [panel, button] = [this.#panel, this.#button];
    this.#search.addEventListener("input", this.#render);
    this.#search.addEventListener("keydown", (event) => {
      if (event.key !== "Enter") return;
      // What was typed may not have been drawn yet: the first of it is meant, not of what is on show.
      this.#draw();
      this.#list.querySelector<HTMLElement>("a")?.click();
    });
    panel.addEventListener("keydown", (event) => {
      if (event.key !== "Escape" || !panel.classList.contains("open")) return;
      // It closes the list and means nothing more.
      event.preventDefault();
      this.#setOpen(false);
      button.focus();
    });
    document.addEventListener("click", (event) => {
      const target = event.target as Node;
      if (!panel.contains(target) && !button.contains(target)) this.#setOpen(false);
    });
    button.addEventListener("click", () => {
      if (panel.classList.contains("open")) this.#setOpen(false);
      else this.open();
    });
    find(panel, "#market-sort").addEventListener("click", (event) => {
      const by = (event.target as HTMLElement).dataset["sort"] as SortBy | undefined;
      if (by) this.#preferences.change(sortedBy(this.#preferences.value, by));
    });
    addEventListener("popstate", () => {
      const symbol =
        /^\/trade\/([^/]+)$/.exec(location.pathname)?.[1] ?? this.#exchange.config.market;
      this.#exchange.select(decodeURIComponent(symbol).replace("-", "/"));
    });
  }

  #askSparks(): void {
    if (this.#areSparksAsked || this.#panel.clientWidth < SPARKS_PX) return;
    this.#areSparksAsked = true;
    void import("./sparklines.ts").then(({ sparkDrawer }) => {
      this.#drawSpark = sparkDrawer(this.#exchange, this.#render);
      this.#render();
    });
  }

  readonly #render = eachFrame(() => this.#draw());

  #draw(): void {
    const { markets, tickers } = this.#exchange;
    const chosen = this.#preferences.value;
    this.#drawFilter(quotesOf(markets.value));
    const shown = listMarkets(markets.value, tickers.value, this.#search.value, chosen);
    syncList(
      this.#list,
      shown,
      (market) => market.symbol,
      (market) => this.#makeItem(market),
      (item, market) => this.#updateItem(item, market),
    );
    const empty = find(this.#panel, "#market-empty");
    empty.hidden = shown.length > 0 || markets.value.length === 0;
    const isForStars = chosen.only_favourites && !this.#search.value.trim();
    setText(empty, isForStars ? "No favourites here: press a market's star." : "No market matches.");
    for (const head of findAll(this.#panel, "[data-sort]")) {
      const isSorted = head.dataset["sort"] === chosen.markets_sort;
      head.setAttribute("aria-pressed", String(isSorted));
      head.classList.toggle("descending", isSorted && chosen.markets_descending);
    }
  }

  /** All, favourites, or the markets of one currency; there is nothing to choose of one. */
  #drawFilter(quotes: readonly string[]): void {
    const { markets_quote: quote, only_favourites: isForStars } = this.#preferences.value;
    const filters = ["", "★", ...(quotes.length > 1 ? quotes : [])];
    syncList(
      this.#filter,
      filters,
      (name) => name,
      (name) =>
        h("button", {
          type: "button",
          text: name || "All",
          ...(name === "★" ? { attrs: { "aria-label": "★ Favourites" } } : {}),
          onClick: () => this.#preferences.change({
            markets_quote: name === "★" ? "" : name,
            only_favourites: name === "★",
          }),
        }),
      (element, name) => {
        const isChosen = isForStars ? name === "★" : name === quote;
        element.setAttribute("aria-pressed", String(isChosen));
      },
    );
  }

  #open(event: MouseEvent, market: Market): void {
    // A click with a modifier opens a tab, as with any link.
    if (event.metaKey || event.ctrlKey || event.shiftKey) return;
    event.preventDefault();
    showMarket(this.#exchange, market);
    this.#setOpen(false);
    this.#callbacks.onChoose();
  }

  #makeItem(market: Market): HTMLElement {
    const { symbol, base_asset: base, quote_asset: quote } = market;
    return h(
      "div",
      { class: "market-item", attrs: { role: "listitem" } },
      h("button", {
        class: "star",
        type: "button",
        text: "★",
        attrs: { "aria-label": `★ Favourite ${symbol}` },
        onClick: () =>
          this.#preferences.change({
            favourites: toggled(this.#preferences.value.favourites, symbol),
          }),
      }),
      h(
        "a",
        {
          class: "market-row",
          href: marketHref(market),
          onClick: (event) => this.#open(event, market),
        },
        h(
          "span",
          { class: "market-row-name", title: symbol },
          h("b", { text: base }),
          h("i", { text: `/${quote}` }),
        ),
        h("span", { class: "market-row-spark" }),
        h("span", { class: "num market-row-volume" }),
        h("span", { class: "num market-row-last" }),
        h("span", { class: "num market-row-change" }),
      ),
    );
  }

  #updateItem(item: HTMLElement, market: Market): void {
    const ticker = this.#exchange.tickers.value.get(market.symbol);
    const [star, row] = item.children as unknown as [HTMLElement, HTMLElement];
    const isStarred = this.#preferences.value.favourites.includes(market.symbol);
    star.setAttribute("aria-pressed", String(isStarred));
    const [, spark, volume, last, change] = row.children;
    setText(last!, figures.price(ticker?.last, market));
    setText(volume!, format.compact(ticker?.quote_volume_24h));
    setText(change!, format.percent(ticker?.change_24h_percent));
    change!.className = `num market-row-change ${format.trend(ticker?.change_24h_percent)}`;
    this.#drawSpark?.(spark!, market.symbol);
    if (this.#exchange.market.value === market) row.setAttribute("aria-current", "page");
    else row.removeAttribute("aria-current");
  }
}

function marketHref(market: Market): string {
  return `/trade/${market.symbol.replace("/", "-")}`;
}

/** Show another market, as its link would. */
export function showMarket(exchange: Exchange, market: Market): void {
  history.pushState(null, "", marketHref(market));
  exchange.select(market.symbol);
}
