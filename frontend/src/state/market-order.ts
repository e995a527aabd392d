/** In what order markets are listed, by any figure of theirs. Pure. */

import { type Amount, read } from "../core/decimal.ts";
import type { Market, Ticker } from "../link/types.ts";
import type { Choices } from "./preferences.ts";

export const COLUMNS = [
  ...(["name", "last", "change", "high"] as const),
  ...(["low", "base", "volume", "spread"] as const),
];
export type Column = (typeof COLUMNS)[number];

export interface Arrangement {
  by: Column | null;
  isDescending: boolean;
}

/** How a column is sorted first: names and spreads from the least, figures from the largest. */
const isFirstDescending = (by: Column): boolean => by !== "name" && by !== "spread";

const FIGURES = {
  last: "last",
  change: "change_24h_percent",
  high: "high_24h",
  low: "low_24h",
  base: "volume_24h",
  volume: "quote_volume_24h",
} as const;
const ONE = 10n ** 18n;

/** Ten thousandths of the middle between bid and ask; null while one of them is missing. */
export function spreadBps(ticker: Ticker | undefined): Amount | null {
  if (ticker?.bid == null || ticker.ask == null) return null;
  const [bid, ask] = [read(ticker.bid), read(ticker.ask)];
  return bid + ask === 0n ? null : ((ask - bid) * 20_000n * ONE) / (ask + bid);
}

function figureOf(ticker: Ticker | undefined, by: Exclude<Column, "name">): Amount | null {
  if (by === "spread") return spreadBps(ticker);
  const text = ticker?.[FIGURES[by]];
  return text == null ? null : read(text);
}

/** Markets in an order; those without the figure stand last, and equal ones as they stood. */
export function inOrder(
  markets: readonly Market[],
  tickers: ReadonlyMap<string, Ticker>,
  { by, isDescending }: Arrangement,
): Market[] {
  const shown = [...markets];
  if (by === null) return shown;
  const sign = isDescending ? -1 : 1;
  if (by === "name") return shown.sort((a, b) => sign * a.symbol.localeCompare(b.symbol, "en"));
  const figures = new Map(shown.map(({ symbol }) => [symbol, figureOf(tickers.get(symbol), by)]));
  return shown.sort((a, b) => {
    const [one, other] = [figures.get(a.symbol) ?? null, figures.get(b.symbol) ?? null];
    if (one === null || other === null) return Number(one === null) - Number(other === null);
    return one === other ? 0 : sign * (one < other ? -1 : 1);
  });
}

/** What a press on a column's head leads to: its own order, the other way, and as listed again. */
export function orderedBy(now: Arrangement, by: Column): Arrangement {
  const first = isFirstDescending(by);
  if (now.by !== by) return { by, isDescending: first };
  if (now.isDescending === first) return { by, isDescending: !first };
  return { by: null, isDescending: false };
}

type Sorting = Pick<Choices, "markets_sort" | "markets_descending">;

/** The order that is kept with what was chosen, for the trading page's list. */
export function orderOf({ markets_sort: by, markets_descending: isDescending }: Sorting): Arrangement {
  return { by: by === "none" ? null : by, isDescending };
}

/** An order as it is kept; null for a column that the trading page's list lacks. */
export function sortingOf({ by, isDescending }: Arrangement): Sorting | null {
  if (by === null) return { markets_sort: "none", markets_descending: false };
  if (by !== "name" && by !== "last" && by !== "change" && by !== "volume") return null;
  return { markets_sort: by, markets_descending: isDescending };
}

/** The order that the page's address asks for; null: it asks for none. */
export function orderAsked(query: URLSearchParams): Arrangement | null {
  const by = COLUMNS.find((one) => one === query.get("sort"));
  return by ? { by, isDescending: query.get("order") === "down" } : null;
}
