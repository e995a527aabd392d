/** Which markets the list shows, and in what order. */

import { type Amount, read } from "../core/decimal.ts";
import type { Market, Ticker } from "../link/types.ts";
import { isListed } from "./calendar.ts";
import type { Choices } from "./preferences.ts";

export type SortBy = Exclude<Choices["markets_sort"], "none">;
export type Filter = Pick<
  Choices,
  "favourites" | "only_favourites" | "markets_quote" | "markets_sort" | "markets_descending"
>;

/** How a column is sorted first: names from A, figures from the largest. */
const IS_DESCENDING: Record<SortBy, boolean> = { name: false, last: true, change: true, volume: true };

/** The currencies that listed markets are quoted in, in their order. */
export function quotesOf(markets: readonly Market[]): string[] {
  return [...new Set(markets.filter(isListed).map((market) => market.quote_asset))];
}

/** The figure that a market is sorted by; null where there is none yet. */
function figureOf(ticker: Ticker | undefined, by: Exclude<SortBy, "name">): Amount | null {
  const text = { last: "last", change: "change_24h_percent", volume: "quote_volume_24h" } as const;
  const figure = ticker?.[text[by]];
  return figure == null ? null : read(figure);
}

/** `search` is what was typed: a part of a symbol. Markets without a figure stand last. */
export function listMarkets(
  markets: readonly Market[],
  tickers: ReadonlyMap<string, Ticker>,
  search: string,
  filter: Filter,
): Market[] {
  const wanted = search.trim().toUpperCase().replace("-", "/");
  const favourites = new Set(filter.favourites);
  const shown = markets.filter(
    (market) =>
      isListed(market) &&
      market.symbol.includes(wanted) &&
      // Whoever searches looks everywhere.
      (wanted !== "" ||
        ((!filter.only_favourites || favourites.has(market.symbol)) &&
          (!filter.markets_quote || market.quote_asset === filter.markets_quote))),
  );
  const by = filter.markets_sort;
  if (by === "none") return shown;
  const sign = filter.markets_descending ? -1 : 1;
  if (by === "name") return shown.sort((a, b) => sign * a.symbol.localeCompare(b.symbol, "en"));
  const figures = new Map(shown.map(({ symbol }) => [symbol, figureOf(tickers.get(symbol), by)]));
  return shown.sort((a, b) => {
    const [one, other] = [figures.get(a.symbol) ?? null, figures.get(b.symbol) ?? null];
    if (one === null || other === null) return Number(one === null) - Number(other === null);
    return one === other ? 0 : sign * (one < other ? -1 : 1);
  });
}

/** What a press on a column's head leads to: its own order, the other way, and as listed again. */
export function sortedBy(
  now: Pick<Filter, "markets_sort" | "markets_descending">,
  by: SortBy,
): Pick<Choices, "markets_sort" | "markets_descending"> {
  const first = IS_DESCENDING[by];
  if (now.markets_sort !== by) return { markets_sort: by, markets_descending: first };
  if (now.markets_descending === first) return { markets_sort: by, markets_descending: !first };
  return { markets_sort: "none", markets_descending: false };
}

export const FAVOURITES_MAX = 100;

/** Add a favourite or take it away; at the limit nothing is added. */
export function toggled(favourites: readonly string[], symbol: string): string[] {
  const others = favourites.filter((one) => one !== symbol);
  if (others.length < favourites.length) return others;
  return favourites.length < FAVOURITES_MAX ? [...favourites, symbol] : [...favourites];
}
