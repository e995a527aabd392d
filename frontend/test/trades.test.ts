import assert from "node:assert/strict";
import { test } from "node:test";

import type { PublicTrade } from "../src/link/types.ts";
import { read } from "../src/core/decimal.ts";
import { largeEnough, Trades } from "../src/state/trades.ts";
import { exchangeOf, marketOf } from "./line.ts";

const PATH = "/markets/BTC-USD/trades?limit=60";

function trade(id: number, market = "BTC/USD"): PublicTrade {
  const timestamp = `2026-01-31T12:00:00.${String(Math.floor(id / 2)).padStart(6, "0")}Z`;
  return { id: String(id), market, price: "1", quantity: "1", taker_side: "buy", timestamp, auction: false };
}

const ids = (trades: Trades) => trades.list.map(({ id }) => Number(id));

test("what is loaded and what is pushed meanwhile are one list, newest first", async () => {
  const [exchange, followed] = exchangeOf({ [PATH]: { trades: [trade(10), trade(9)] } });
  const trades = new Trades(exchange);
  exchange.market.value = marketOf("BTC/USD");
  followed[0]!.start();
  followed[0]!.push([trade(11), trade(10)]);
  assert.deepEqual([ids(trades), trades.isLoaded], [[11, 10], false]);
  await new Promise(setImmediate);
  assert.deepEqual([ids(trades), trades.isLoaded], [[11, 10, 9], true]);

  for (let id = 12; id <= 600; id += 1) followed[0]!.push(trade(id));
  assert.deepEqual(ids(trades), Array.from({ length: 500 }, (_, index) => 600 - index));
});

test("another market's trades, pushed or loaded too late, are not taken", async () => {
  const [exchange, followed] = exchangeOf({ [PATH]: { trades: [trade(1)] } });
  const trades = new Trades(exchange);
  exchange.market.value = marketOf("BTC/USD");
  followed[0]!.start();
  exchange.market.value = marketOf("ETH/USD");
  followed[1]!.push(trade(7, "BTC/USD"));
  await new Promise(setImmediate);
  assert.deepEqual([ids(trades), trades.isLoaded, followed[0]!.isClosed], [[], false, true]);
});

test("whoever looks for large ones is given more of them, asked for once", async () => {
  const more = { trades: [trade(3), { ...trade(2), quantity: "0.5" }] };
  const [exchange, followed] = exchangeOf({ [PATH.replace("60", "500")]: more });
  const asked: string[] = [];
  const { get } = exchange.rest;
  exchange.rest.get = (path) => {
    asked.push(path);
    return get(path);
  };
  const trades = new Trades(exchange);
  trades.loadMore(); // of no market
  exchange.market.value = marketOf("BTC/USD");
  trades.loadMore();
  followed[0]!.start();
  trades.loadMore();
  await new Promise(setImmediate);
  assert.deepEqual([asked.length, ids(trades)], [1, [3, 2]]);
  assert.deepEqual(largeEnough(trades.list, read("0.6")).map(({ id }) => id), ["3"]);
});

test("a newest trade that is missing is fetched, and what a hole parts from it goes", async () => {
  const answers = { [PATH]: { trades: [trade(2), trade(1)] } };
  const [exchange, followed] = exchangeOf(answers);
  const trades = new Trades(exchange);
  exchange.market.value = marketOf("BTC/USD");
  const pulse = { symbol: "BTC/USD", is_live: true, sequence: 1, counted_at: null };
  followed[0]!.start();
  assert.equal(trades.isWhole, false);
  await new Promise(setImmediate);
  assert.equal(trades.isWhole, true);
  assert.equal(trades.agrees({ ...pulse, trade_id: "2" }), true);
  assert.equal(trades.agrees({ ...pulse, trade_id: null }), true);
  assert.equal(trades.agrees({ ...pulse, symbol: "ETH/USD", trade_id: "2" }), false);
  assert.equal(followed[0]!.renewals, 0);
  assert.equal(trades.agrees({ ...pulse, trade_id: "9" }), false);
  assert.equal(followed[0]!.renewals, 1);
  answers[PATH] = { trades: [trade(9), trade(8)] };
  followed[0]!.start();
  await new Promise(setImmediate);
  assert.deepEqual(ids(trades), [9, 8]);
});
