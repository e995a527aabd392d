/** Why no order can be placed: by the market, the line, or the role in the account. */

import assert from "node:assert/strict";
import { test } from "node:test";

import type { AccountRef } from "../src/link/messages.ts";
import type { Market } from "../src/link/types.ts";
import { isViewed, lockOf } from "../src/state/lock.ts";

const OPEN = { trading_enabled: true, state: "Continuous" } as Market;
const HALTED = { trading_enabled: false, state: "Halted" } as Market;

function account(role: AccountRef["role"]): AccountRef {
  return { id: "a", label: "", role, owner: "", maker_fee: null, taker_fee: null };
}

test("a viewer places no orders, whatever the market does, and is told why", () => {
  for (const market of [OPEN, HALTED]) {
    const lock = lockOf(market, null, account("Viewer"));
    assert.equal(lock?.short, "View only");
    assert.match(lock?.detail ?? "", /viewer of this account/);
  }
  assert.equal(isViewed(account("Viewer")), true);
});

test("a market that has ended says so", () => {
  const ended = { trading_enabled: false, state: "Delisted" } as Market;
  assert.equal(lockOf(ended, null, undefined)?.short, "Delisted");
  assert.match(lockOf(ended, null, undefined)?.detail ?? "", /ended for good/);
});

test("owners and traders are stopped by the market and the line alone", () => {
  for (const one of [account("Owner"), account("Trader"), undefined]) {
    assert.equal(lockOf(OPEN, null, one), null);
    assert.equal(lockOf(HALTED, null, one)?.short, "Halted: cancels only");
    assert.equal(lockOf(OPEN, "line", one)?.short, "Waiting for the connection");
    assert.equal(lockOf(OPEN, "book", one)?.short, "Waiting for the book");
    assert.equal(isViewed(one), false);
  }
});
