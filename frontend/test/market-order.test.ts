import assert from "node:assert/strict";
import { test } from "node:test";

import type { Market, Ticker } from "../src/link/types.ts";
import {
  type Column,
  inOrder,
  orderAsked,
  orderedBy,
  orderOf,
  sortingOf,
  spreadBps,
} from "../src/state/market-order.ts";
import { MARKET } from "./market.ts";

const MARKETS = ["A/USD", "B/USD", "C/USD"].map((symbol): Market => ({ ...MARKET, symbol }));
const ticker = (figures: Partial<Ticker>) => figures as Ticker;
const TICKERS = new Map([
  ["A/USD", ticker({ bid: "99", ask: "101", high_24h: "7", low_24h: "1", volume_24h: "3" })],
  ["B/USD", ticker({ bid: "100", ask: "100.01", high_24h: "9", low_24h: "2", volume_24h: "1" })],
]);

function ordered(by: Column, isDescending: boolean): string {
  return inOrder(MARKETS, TICKERS, { by, isDescending }).map(({ symbol }) => symbol[0]).join("");
}

test("a spread is told in ten thousandths of the middle, and where there is one", () => {
  assert.equal(spreadBps(TICKERS.get("A/USD")), 200n * 10n ** 18n);
  assert.equal(spreadBps(ticker({ bid: "1", ask: null })), null);
  assert.equal(spreadBps(ticker({ bid: "0", ask: "0" })), null);
  assert.equal(spreadBps(undefined), null);
});

test("every column sorts, and what lacks its figure stands last either way", () => {
  assert.equal(ordered("spread", false), "BAC");
  assert.equal(ordered("spread", true), "ABC");
  assert.equal(ordered("high", true), "BAC");
  assert.equal(ordered("low", false), "ABC");
  assert.equal(ordered("base", false), "BAC");
  assert.equal(ordered("name", true), "CBA");
});

test("a third press on a head leads back to the order of the exchange", () => {
  let now = orderOf({ markets_sort: "none", markets_descending: false });
  const seen = [1, 2, 3].map(() => (now = orderedBy(now, "spread")));
  assert.deepEqual(seen, [
    { by: "spread", isDescending: false },
    { by: "spread", isDescending: true },
    { by: null, isDescending: false },
  ]);
});

test("what the trading page's list cannot be sorted by is not kept", () => {
  assert.equal(sortingOf({ by: "spread", isDescending: true }), null);
  assert.deepEqual(sortingOf({ by: "volume", isDescending: true }), {
    markets_sort: "volume",
    markets_descending: true,
  });
});

test("an address asks for an order, or for none that there is", () => {
  const asked = (query: string) => orderAsked(new URLSearchParams(query));
  assert.deepEqual(asked("sort=low&order=down"), { by: "low", isDescending: true });
  assert.deepEqual(asked("sort=low"), { by: "low", isDescending: false });
  assert.equal(asked("sort=age"), null);
  assert.equal(asked(""), null);
});
