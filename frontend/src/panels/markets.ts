/** The list of markets with last price and 24 h change; a column, or a sheet on narrow screens. */

import { eachFrame, find, h, setText, syncList } from "../core/dom.ts";
import * as format from "../core/format.ts";
import type { Market } from "../link/types.ts";
import type { Exchange } from "../state/exchange.ts";
import * as figures from "../state/figures.ts";
import { isListed } from "../state/calendar.ts";

/** `button` opens and closes the sheet. */
export function mount(panel: HTMLElement, button: HTMLElement, exchange: Exchange): void {
  const list = find(panel, "#market-list");
  const search = find<HTMLInputElement>(panel, "#market-search");
  const empty = find(panel, "#market-empty");

  const setOpen = (isOpen: boolean) => {
    panel.classList.toggle("open", isOpen);
    button.setAttribute("aria-expanded", String(isOpen));
    if (isOpen) search.focus();
  };

  const open = (event: MouseEvent, market: Market) => {
    // A click with a modifier opens a tab, as with any link.
    if (event.metaKey || event.ctrlKey || event.shiftKey) return;
    event.preventDefault();
    history.pushState(null, "", marketHref(market));
    exchange.select(market.symbol);
    setOpen(false);
  };

  const render = eachFrame(() => {
    const wanted = search.value.trim().toUpperCase().replace("-", "/");
    const shown = exchange.markets.value.filter(
      (market) => isListed(market) && market.symbol.includes(wanted),
    );
    syncList(
      list,
      shown,
      (market) => market.symbol,
      (market) => makeRow(market, open),
      (row, market) => updateRow(row, market, exchange),
    );
    empty.hidden = shown.length > 0 || exchange.markets.value.length === 0;
  });

  search.addEventListener("input", render);
  search.addEventListener("keydown", (event) => {
    if (event.key === "Enter") list.querySelector<HTMLElement>("a")?.click();
  });
  panel.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !panel.classList.contains("open")) return;
    setOpen(false);
    button.focus();
  });
  document.addEventListener("click", (event) => {
    const target = event.target as Node;
    if (!panel.contains(target) && !button.contains(target)) setOpen(false);
  });
  button.addEventListener("click", () => setOpen(!panel.classList.contains("open")));
  addEventListener("popstate", () => {
    const symbol = /^\/trade\/([^/]+)$/.exec(location.pathname)?.[1] ?? exchange.config.market;
    exchange.select(decodeURIComponent(symbol).replace("-", "/"));
  });
  exchange.markets.watch(render);
  exchange.tickers.watch(render);
  exchange.market.watch(render);
}

function marketHref(market: Market): string {
  return `/trade/${market.symbol.replace("/", "-")}`;
}

function makeRow(market: Market, open: (event: MouseEvent, market: Market) => void): HTMLElement {
  return h(
    "a",
    { class: "market-row", href: marketHref(market), onClick: (event) => open(event, market) },
    h(
      "span",
      { class: "market-row-name", title: market.symbol },
      h("b", { text: market.base_asset }),
      h("i", { text: `/${market.quote_asset}` }),
    ),
    h("span", { class: "num market-row-last" }),
    h("span", { class: "num market-row-change" }),
  );
}

function updateRow(row: HTMLElement, market: Market, exchange: Exchange): void {
  const ticker = exchange.tickers.value.get(market.symbol);
  const [, last, change] = row.children;
  setText(last!, figures.price(ticker?.last, market));
  setText(change!, format.percent(ticker?.change_24h_percent));
  change!.className = `num market-row-change ${format.trend(ticker?.change_24h_percent)}`;
  if (exchange.market.value === market) row.setAttribute("aria-current", "page");
  else row.removeAttribute("aria-current");
}
