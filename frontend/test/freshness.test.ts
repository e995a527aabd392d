/** What is not proven any more is old, and nothing else is: a quiet market stays live. */

import assert from "node:assert/strict";
import { test } from "node:test";

import type { Beat, MarketPulse } from "../src/link/pulse.ts";
import { ageText, Freshness, type Part, SHUT_MS } from "../src/state/freshness.ts";

const TIME = "2026-01-31T12:00:10.000000Z";
const MARKET: MarketPulse = {
  ...{ symbol: "BTC/USD", is_live: true, sequence: 7, trade_id: "3" },
  counted_at: "2026-01-31T12:00:09.000000Z",
};

/** Parts that can be broken, and a clock that is moved; it is looked at ten times a second. */
function watched() {
  let now = 0;
  const broken = new Set<Part>();
  const freshness = new Freshness(() => now);
  for (const part of ["book", "tape", "chart", "ticker", "account"] as const)
    freshness.add(part, {
      get isWhole() {
        return !broken.has(part);
      },
    });
  const pass = (milliseconds: number) => {
    for (const end = now + milliseconds; now < end; ) {
      now += 100;
      freshness.judge();
    }
  };
  const beat = (part: Partial<Beat> = {}) =>
    freshness.take({ sentMs: now, latencyMs: 5, time: TIME, market: MARKET, ...part });
  const leap = (milliseconds: number) => {
    now += milliseconds;
    freshness.judge();
  };
  return { freshness, broken, pass, beat, leap };
}

test("what beats prove stays live however quiet the market is; without them it is marked", () => {
  const { freshness, broken, pass, beat } = watched();
  broken.add("book");
  pass(3_000);
  assert.equal(freshness.isOld("book"), false, "nothing was live yet");
  broken.delete("book");
  pass(700);
  assert.equal(freshness.isOld("book"), false, "it was loaded a moment ago");
  pass(300);
  assert.equal(freshness.isOld("book"), true, "and nothing has proven it since");
  for (let second = 0; second < 20; second += 1) {
    beat();
    pass(300);
    assert.equal(freshness.isOld("book"), false);
  }
  let changes = 0;
  freshness.changed.watch(() => (changes += 1));
  pass(400);
  assert.equal(freshness.isOld("book"), false);
  pass(100);
  for (const part of ["book", "tape", "chart", "ticker", "account"] as const)
    assert.equal(freshness.isOld(part), true);
  assert.equal(changes, 2); // when watched, and once for all parts
  beat();
  assert.equal(freshness.isOld("book"), false);
});

test("an answer proves what was so when it was asked, not when it came", () => {
  const { freshness, pass, beat } = watched();
  beat();
  pass(800);
  beat({ sentMs: 0 });
  pass(200);
  assert.equal(freshness.isOld("book"), true);
  assert.equal(freshness.ageMs("book"), 1_000);
});

test("a part that is not whole is not proven, and the order form waits for the book", () => {
  const { freshness, broken, pass, beat } = watched();
  beat();
  assert.equal(freshness.isShut, false);
  broken.add("book");
  pass(100);
  assert.equal(freshness.isShut, true);
  for (let times = 0; times < 3; times += 1) {
    pass(400);
    beat();
  }
  assert.equal(freshness.isOld("book"), true);
  assert.equal(freshness.isOld("tape"), false);
  broken.delete("book");
  beat();
  assert.deepEqual([freshness.isOld("book"), freshness.isShut], [false, false]);
  pass(SHUT_MS + 100);
  assert.equal(freshness.isShut, true);
});

test("a web process that may have missed something proves nothing", () => {
  const { freshness, pass, beat } = watched();
  beat();
  pass(600);
  beat({ market: { ...MARKET, is_live: false } });
  pass(400);
  assert.equal(freshness.isOld("account"), true);
});

test("where nobody counts candles any more, chart and 24 hours are old and the book is not", () => {
  const { freshness, pass, beat } = watched();
  beat();
  pass(600);
  beat({ market: { ...MARKET, counted_at: "2026-01-31T12:00:04.000000Z" } });
  pass(400);
  const parts = ["chart", "ticker", "book", "tape"] as const;
  assert.deepEqual(parts.map((part) => freshness.isOld(part)), [true, true, false, false]);
});

test("a page that was asleep first hears what came in meanwhile", () => {
  const { freshness, pass, beat, leap } = watched();
  pass(500);
  beat();
  leap(60_000);
  assert.equal(freshness.isOld("book"), false);
  pass(200);
  beat();
  pass(400);
  assert.equal(freshness.isOld("book"), false);
  leap(60_000);
  pass(400);
  assert.equal(freshness.isOld("book"), true);
});

test("ages are read in tenths of seconds, then in minutes", () => {
  assert.equal(ageText(4_290), "4.2 s old");
  assert.equal(ageText(59_999), "59.9 s old");
  assert.equal(ageText(125_000), "2 min old");
});
