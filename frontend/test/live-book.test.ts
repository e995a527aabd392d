import assert from "node:assert/strict";
import { test } from "node:test";

import { LiveBook } from "../src/state/live-book.ts";
import { exchangeOf, marketOf } from "./line.ts";

const SNAPSHOT = { bids: [["99", "1"]], asks: [["101", "1"]], sequence: 1 };
const DELTA = { bids: [["99", "2"]], asks: [], prev_sequence: 1, sequence: 2 };
const AFTER_A_GAP = { bids: [], asks: [], prev_sequence: 8, sequence: 9 };

test("the book follows the market on show, and tells of each change", () => {
  const [exchange, followed] = exchangeOf();
  const live = new LiveBook(exchange);
  let changes = 0;
  live.changed.watch(() => (changes += 1));
  exchange.market.value = marketOf("BTC/USD");
  assert.deepEqual(followed[0]!.topic, { channel: "orderbook", market: "BTC/USD" });
  followed[0]!.push(SNAPSHOT);
  followed[0]!.push(DELTA);
  assert.equal(live.book.bids[0]!.quantityText, "2");
  assert.equal(changes, 4); // at once, with the market, and with each message

  exchange.market.value = marketOf("ETH/USD");
  assert.equal(followed[0]!.isClosed, true);
  assert.deepEqual(live.book.bids, []);
});

test("a late delta of the former subscription is no gap of the next one", () => {
  const [exchange, followed] = exchangeOf();
  const live = new LiveBook(exchange);
  exchange.market.value = marketOf("BTC/USD");
  followed[0]!.push(DELTA);
  followed[0]!.push(SNAPSHOT);
  assert.equal(live.book.sequence, 1n);
  assert.equal(followed[0]!.renewals, 0);
});

test("a gap subscribes anew, at most once a second", (context) => {
  context.mock.timers.enable({ apis: ["setTimeout"] });
  context.mock.method(console, "warn", () => undefined);
  let now = 0;
  context.mock.method(performance, "now", () => now);
  const pass = (milliseconds: number) => {
    now += milliseconds;
    context.mock.timers.tick(milliseconds);
  };
  const [exchange, followed] = exchangeOf();
  const live = new LiveBook(exchange);
  exchange.market.value = marketOf("BTC/USD");
  const [entry] = followed;
  const breakBook = () => {
    entry!.push(SNAPSHOT);
    entry!.push(AFTER_A_GAP);
    assert.equal(live.book.sequence, null);
  };

  breakBook();
  pass(0);
  assert.equal(entry!.renewals, 1);
  breakBook();
  pass(900);
  assert.equal(entry!.renewals, 1);
  pass(100);
  assert.equal(entry!.renewals, 2);

  // A snapshot that came in meanwhile needs no other.
  breakBook();
  entry!.push(SNAPSHOT);
  pass(2_000);
  assert.equal(entry!.renewals, 2);
});

const PULSE = { symbol: "BTC/USD", is_live: true, trade_id: null, counted_at: null };

test("a book behind the exchange's has lost its last change: it starts anew", (context) => {
  context.mock.timers.enable({ apis: ["setTimeout"] });
  context.mock.method(console, "warn", () => undefined);
  const [exchange, followed] = exchangeOf();
  const live = new LiveBook(exchange);
  exchange.market.value = marketOf("BTC/USD");
  assert.equal(live.isWhole, false);
  const [entry] = followed;
  entry!.isWhole = false;
  assert.equal(live.agrees({ ...PULSE, sequence: 1 }), false);
  context.mock.timers.tick(0);
  assert.equal(entry!.renewals, 0, "the subscription is under way");
  entry!.isWhole = true;
  assert.equal(live.agrees({ ...PULSE, sequence: 1 }), false);
  assert.equal(live.agrees({ ...PULSE, sequence: 1 }), false);
  context.mock.timers.tick(0);
  assert.equal(entry!.renewals, 1, "it began without a book");
  entry!.push(SNAPSHOT);
  assert.equal(live.isWhole, true);
  assert.equal(live.agrees({ ...PULSE, sequence: 1 }), true);
  assert.equal(live.agrees({ ...PULSE, symbol: "ETH/USD", sequence: 1 }), false);
  assert.equal(live.isWhole, true, "that was about another market");
  assert.equal(live.agrees({ ...PULSE, sequence: 2 }), false);
  assert.equal(live.isWhole, false);
  context.mock.timers.tick(1_000);
  assert.equal(entry!.renewals, 2);
  entry!.push({ ...SNAPSHOT, sequence: 2 });
  assert.equal(live.agrees({ ...PULSE, sequence: 2 }), true);
  entry!.isWhole = false;
  assert.equal(live.isWhole, false);
});
