import assert from "node:assert/strict";
import { test } from "node:test";

import type { Market, Ticker } from "../src/link/types.ts";
import { type Filter, listMarkets, quotesOf, sortedBy, toggled } from "../src/state/market-list.ts";
import { MARKET } from "./market.ts";

function market(symbol: string, more: Partial<Market> = {}): Market {
  const [base_asset = "", quote_asset = ""] = symbol.split("/");
  return { ...MARKET, symbol, base_asset, quote_asset, ...more };
}

function ticker(symbol: string, last: string, change: string, volume: string): [string, Ticker] {
  const figures = { last, change_24h_percent: change, quote_volume_24h: volume };
  return [symbol, { market: symbol, ...figures } as Ticker];
}

const MARKETS = [
  ...["BTC/USD", "ETH/USD", "BTC/EUR", "NEW/USD"].map((symbol) => market(symbol)),
  market("OLD/USD", { state: "Delisted" }),
];
const TICKERS = new Map([
  ticker("BTC/USD", "60000.000000000000000001", "-1.5", "9"),
  ticker("ETH/USD", "3000", "2", "100"),
  ticker("BTC/EUR", "60000", "0", "10"),
]);
const ALL: Filter = {
  favourites: [],
  only_favourites: false,
  markets_quote: "",
  markets_sort: "none",
  markets_descending: false,
};

function shown(filter: Partial<Filter> = {}, search = ""): string {
  const found = listMarkets(MARKETS, TICKERS, search, { ...ALL, ...filter });
  return found.map(({ symbol }) => symbol).join(" ");
}

test("markets are listed as the exchange has them, without those that ended", () => {
  assert.equal(shown(), "BTC/USD ETH/USD BTC/EUR NEW/USD");
  assert.deepEqual(quotesOf(MARKETS), ["USD", "EUR"]);
});

test("one currency or the favourites can be looked at, and a search looks everywhere", () => {
  assert.equal(shown({ markets_quote: "EUR" }), "BTC/EUR");
  assert.equal(shown({ only_favourites: true, favourites: ["ETH/USD", "OLD/USD"] }), "ETH/USD");
  assert.equal(shown({ markets_quote: "EUR" }, "eth"), "ETH/USD");
  assert.equal(shown({ only_favourites: true }, " btc-u "), "BTC/USD");
});

test("figures are sorted exactly, and what has none stands last either way", () => {
  const by = (sort: Filter["markets_sort"], descending: boolean) =>
    shown({ markets_sort: sort, markets_descending: descending });
  assert.equal(by("last", true), "BTC/USD BTC/EUR ETH/USD NEW/USD");
  assert.equal(by("last", false), "ETH/USD BTC/EUR BTC/USD NEW/USD");
  assert.equal(by("change", true), "ETH/USD BTC/EUR BTC/USD NEW/USD");
  assert.equal(by("volume", false), "BTC/USD BTC/EUR ETH/USD NEW/USD");
  assert.equal(by("name", false), "BTC/EUR BTC/USD ETH/USD NEW/USD");
  assert.equal(by("name", true), "NEW/USD ETH/USD BTC/USD BTC/EUR");
});

test("a column sorts its own way, then the other, then not at all", () => {
  let now = { markets_sort: "none" as Filter["markets_sort"], markets_descending: false };
  const pressed = [];
  for (let press = 0; press < 3; press++) pressed.push((now = sortedBy(now, "volume")));
  const [first, second, third] = pressed;
  assert.deepEqual(first, { markets_sort: "volume", markets_descending: true });
  assert.deepEqual(second, { markets_sort: "volume", markets_descending: false });
  assert.equal(third?.markets_sort, "none");
  assert.deepEqual(sortedBy(first!, "name"), { markets_sort: "name", markets_descending: false });
});

test("a star is set and taken away, and there is an end to them", () => {
  assert.deepEqual(toggled(["A/B"], "C/D"), ["A/B", "C/D"]);
  assert.deepEqual(toggled(["A/B", "C/D"], "A/B"), ["C/D"]);
  const full = Array.from({ length: 100 }, (_, n) => `A${n}/B`);
  assert.equal(toggled(full, "C/D").length, 100);
});
