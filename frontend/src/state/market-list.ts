/** Which markets the list shows, and in what order. */

import type { Market, Ticker } from "../link/types.ts";
import { isListed } from "./calendar.ts";
import { inOrder, orderedBy, orderOf, sortingOf } from "./market-order.ts";
import type { Choices } from "./preferences.ts";

export type SortBy = Exclude<Choices["markets_sort"], "none">;
export type Filter = Pick<
  Choices,
  "favourites" | "only_favourites" | "markets_quote" | "markets_sort" | "markets_descending"
>;

/** The currencies that listed markets are quoted in, in their order. */
export function quotesOf(markets: readonly Market[]): string[] {
  return [...new Set(markets.filter(isListed).map((market) => market.quote_asset))];
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
  return inOrder(shown, tickers, orderOf(filter));
}

/** What a press on a column's head leads to: its own order, the other way, and as listed again. */
export function sortedBy(
  now: Pick<Filter, "markets_sort" | "markets_descending">,
  by: SortBy,
): Pick<Choices, "markets_sort" | "markets_descending"> {
  return sortingOf(orderedBy(orderOf(now), by)) ?? now;
}

export const FAVOURITES_MAX = 100;

/** Add a favourite or take it away; at the limit nothing is added. */
export function toggled(favourites: readonly string[], symbol: string): string[] {
  const others = favourites.filter((one) => one !== symbol);
  if (others.length < favourites.length) return others;
  return favourites.length < FAVOURITES_MAX ? [...favourites, symbol] : [...favourites];
}
