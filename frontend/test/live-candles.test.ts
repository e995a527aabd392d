import assert from "node:assert/strict";
import { test } from "node:test";

import type { Candle } from "../src/link/types.ts";
import { type BarsReader, LiveCandles } from "../src/state/live-candles.ts";
import { exchangeOf, marketOf } from "./line.ts";

const MARKET = marketOf("BTC/USD");
const PAGE = 500;
const START_S = 1_767_225_600;

function candle(minute: number, close = "1", trades = 1): Candle {
  const at = (time: number) => new Date((START_S + time * 60) * 1000).toISOString();
  return {
    market: "BTC/USD",
    interval: "Minute1",
    open_time: at(minute),
    close_time: at(minute + 1),
    open: "1",
    high: "1",
    low: "1",
    close,
    volume: "1",
    quote_volume: "1",
    trades,
  };
}

const minutes = (from: number, count: number) =>
  Array.from({ length: count }, (_, index) => candle(from + index));
const path = (end = "") => `/markets/BTC-USD/candles?interval=1m&limit=${PAGE}${end}`;
const loaded = () => new Promise(setImmediate);

/** Notes what whoever draws is told, one word each. */
function noted(): BarsReader & { told: string[] } {
  const told: string[] = [];
  return {
    told,
    replaced: () => void told.push("replaced"),
    added: (bar) => void told.push(`added ${bar.candle.close}`),
    settled: (isFirst) => void told.push(isFirst ? "first" : "settled"),
  };
}

function shown(live: LiveCandles): string[] {
  return live.drawn.map(({ time, candle: { close } }) => `${(time - START_S) / 60}:${close}`);
}

test("live candles follow those that were loaded, and fill the time between", async () => {
  const [exchange, followed] = exchangeOf({ [path()]: { candles: minutes(0, 2) } });
  const reader = noted();
  const live = new LiveCandles(exchange, reader);
  live.follow(MARKET, "1m");
  followed[0]!.start();
  await loaded();
  assert.deepEqual(reader.told.splice(0), ["replaced", "replaced", "first"]);

  followed[0]!.push(candle(1, "5", 2));
  followed[0]!.push([candle(2, "6")]);
  assert.deepEqual(reader.told.splice(0), ["added 5", "settled", "added 6", "settled"]);
  followed[0]!.push(candle(4, "7"));
  assert.deepEqual(reader.told, ["replaced", "settled"]);
  assert.deepEqual(shown(live), ["0:1", "1:5", "2:6", "3:6", "4:7"]);
});

test("the first candle of a market without any is the first to be seen", async () => {
  const [exchange, followed] = exchangeOf({ [path()]: { candles: [] } });
  const reader = noted();
  const live = new LiveCandles(exchange, reader);
  live.follow(MARKET, "1m");
  followed[0]!.start();
  await loaded();
  reader.told.length = 0;
  followed[0]!.push(candle(0));
  assert.deepEqual(reader.told, ["replaced", "first"]);
});

test("older candles are asked for until a page is not full", async () => {
  const pages = {
    [path()]: { candles: minutes(1_000, PAGE) },
    [path(`&end=${encodeURIComponent(candle(1_000).open_time)}`)]: { candles: minutes(500, PAGE) },
    [path(`&end=${encodeURIComponent(candle(500).open_time)}`)]: { candles: minutes(490, 10) },
  };
  const [exchange, followed] = exchangeOf(pages);
  const live = new LiveCandles(exchange, noted());
  live.follow(MARKET, "1m");
  await live.loadOlder(); // nothing is loaded yet, so nothing is older
  followed[0]!.start();
  await loaded();
  await Promise.all([live.loadOlder(), live.loadOlder()]);
  assert.equal(live.drawn.length, 2 * PAGE);
  const opens = live.drawn[0]!.time;
  await live.reach(opens); // which is here
  assert.deepEqual([live.drawn.length, live.isWhole], [2 * PAGE, false]);
  await live.reach(opens - 1);
  await live.loadOlder();
  assert.deepEqual(shown(live).slice(0, 2), ["490:1", "491:1"]);
  assert.deepEqual([live.drawn.length, live.isWhole], [2 * PAGE + 10, true]);
});

test("an answer for the former interval is not taken", async () => {
  const [exchange, followed] = exchangeOf({ [path()]: { candles: minutes(0, 2) } });
  const live = new LiveCandles(exchange, noted());
  live.follow(MARKET, "1m");
  followed[0]!.start();
  live.follow(MARKET, "5m");
  await loaded();
  followed[1]!.push(candle(0));
  assert.deepEqual([shown(live), followed[0]!.isClosed], [[], true]);
});

test("a page that did not come is asked for again, but not at once", async (t) => {
  let now = 10_000;
  t.mock.method(performance, "now", () => now);
  const [exchange, followed] = exchangeOf({ [path()]: { candles: minutes(1_000, PAGE) } });
  const { get } = exchange.rest;
  let asked = 0;
  exchange.rest.get = (address) => {
    asked += 1;
    return address.includes("end=") ? Promise.reject(new Error("no answer")) : get(address);
  };
  const live = new LiveCandles(exchange, noted());
  live.follow(MARKET, "1m");
  followed[0]!.start();
  await loaded();
  await live.loadOlder();
  await live.loadOlder();
  assert.equal(asked, 2);
  now += 2_000;
  await live.loadOlder();
  assert.equal(asked, 3);
});
