/** Tickers that change places on the way: the later one stays. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { exchangeOf } from "./line.ts";

const at = (second: number, last: string) => ({
  ...{ market: "BTC/USD", last },
  timestamp: `2026-01-31T12:00:${String(second).padStart(2, "0")}.000000Z`,
});

test("a ticker that comes late is not taken, unless everything begins anew", async () => {
  const [exchange, followed] = exchangeOf({ "/markets": [], "/markets/tickers": [at(1, "1")] });
  await exchange.start();
  const tickers = followed.find(({ topic }) => topic.channel === "ticker")!;
  void followed.find(({ topic }) => topic.channel === "markets")!.start(); // which ends the polling
  const last = () => exchange.tickers.value.get("BTC/USD")?.last;
  await tickers.start();
  assert.deepEqual([last(), exchange.isWhole], ["1", true]);
  tickers.push(at(5, "5"));
  tickers.push(at(4, "4"));
  assert.equal(last(), "5");
  tickers.push(at(5, "6"));
  assert.equal(last(), "6");
  // Another web process may know less of the past.
  void tickers.start();
  tickers.push(at(3, "3"));
  assert.equal(last(), "3");
  tickers.isWhole = false;
  assert.equal(exchange.isWhole, false);
});
