/** What is said of a market's times. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { dayTime } from "../src/core/format.ts";
import type { Market } from "../src/link/types.ts";
import { isListed, whenOf } from "../src/state/calendar.ts";
import { MARKET } from "./market.ts";

const AT = "2026-12-01T07:55:00.000000Z";
const END = "2027-03-31T12:00:00.000000Z";

function market(changes: Partial<Market>): Market {
  return { ...MARKET, ...changes };
}

test("a market that is not open says when it is, and as what", () => {
  const closed = market({ state: "Closed", next_phase: { state: "Auction", at: AT } });
  assert.equal(whenOf(closed), `Auction from ${dayTime(AT)}`);
  const early = market({ state: "PreOpen", next_phase: { state: "Continuous", at: AT } });
  assert.equal(whenOf(early), `Continuous from ${dayTime(AT)}`);
});

test("an open one says nothing of its close, and a halted one knows no time", () => {
  assert.equal(whenOf(market({ next_phase: { state: "Closed", at: AT } })), "");
  assert.equal(whenOf(market({ state: "Halted", next_phase: null })), "");
});

test("the end of a market is told as long as it is to come", () => {
  const next = { state: "Delisted", at: END } as const;
  const ending = market({ delists_at: END, next_phase: next });
  assert.equal(whenOf(ending), `Ends for good on ${dayTime(END)}`);
  const closed = market({
    state: "Closed",
    delists_at: END,
    next_phase: { state: "Auction", at: AT },
  });
  assert.equal(whenOf(closed), `Auction from ${dayTime(AT)}. Ends for good on ${dayTime(END)}`);
  const ended = market({ state: "Delisted", delists_at: END });
  assert.equal(whenOf(ended), "");
  assert.deepEqual([ending, ended].map(isListed), [true, false]);
});
