/** Which kinds of orders the form offers in which state of a market. */

import assert from "node:assert/strict";
import { test } from "node:test";

import type { Market } from "../src/link/types.ts";
import { type Draft, NOTHING_ASKED } from "../src/state/draft.ts";
import { lockOf } from "../src/state/lock.ts";
import { kindRefused, postOnlyRefused, refusalOf, timeRefused } from "../src/state/phases.ts";

const DRAFT: Draft = {
  ...{ side: "Buy", type: "Limit", measure: "quantity", price: "1", quantity: "1", total: "" },
  ...{ timeInForce: "GTC", isPostOnly: false, asks: NOTHING_ASKED },
};

test("an auction takes limit orders that rest, and orders that wait", () => {
  for (const type of ["Stop", "StopLimit", "TakeProfit", "TrailingStop", "OCO", "Limit"] as const) {
    assert.equal(kindRefused("Auction", type), "");
    assert.equal(refusalOf("Auction", { ...DRAFT, type }), "");
  }
  assert.match(kindRefused("Auction", "Market"), /Until the auction ends/);
  assert.match(refusalOf("Auction", { ...DRAFT, type: "Market" }), /Until the auction ends/);
  for (const timeInForce of ["IOC", "FOK"] as const) {
    assert.match(refusalOf("Auction", { ...DRAFT, timeInForce }), /may rest/);
    // What waits for a price may do so, whatever it does then.
    assert.equal(timeRefused("Auction", "StopLimit", timeInForce), "");
  }
  assert.match(postOnlyRefused("Auction", "Limit"), /not post-only/);
  assert.match(refusalOf("Auction", { ...DRAFT, isPostOnly: true }), /not post-only/);
});

test("a market that takes post-only orders takes them alone", () => {
  assert.equal(refusalOf("PostOnly", { ...DRAFT, isPostOnly: true }), "");
  assert.equal(refusalOf("PostOnly", { ...DRAFT, type: "StopLimit", isPostOnly: true }), "");
  assert.match(refusalOf("PostOnly", DRAFT), /post-only limit orders/);
  for (const type of ["Market", "Stop", "OCO"] as const)
    assert.match(refusalOf("PostOnly", { ...DRAFT, type }), /post-only limit orders/);
});

test("a market that trades takes all, and the button says what is not taken elsewhere", () => {
  for (const type of ["Market", "Limit", "Stop", "OCO"] as const)
    assert.equal(refusalOf("Continuous", { ...DRAFT, type, isPostOnly: true }), "");
  const market = { trading_enabled: true, state: "Auction" } as Market;
  assert.equal(lockOf(market, null, undefined, DRAFT), null);
  const lock = lockOf(market, null, undefined, { ...DRAFT, type: "Market" });
  assert.equal(lock?.short, "Not taken now");
});
