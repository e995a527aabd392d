import assert from "node:assert/strict";
import { test } from "node:test";

import type { Order } from "../src/link/types.ts";
import {
  BY_TIME,
  filtered,
  groupLists,
  namedOrders,
  sorted,
  sortedBy,
} from "../src/state/open-rows.ts";
import type { Queued } from "../src/state/own-levels.ts";

function order(id: string, more: Partial<Queued> = {}): Queued {
  return {
    id,
    market: "BTC/USD",
    side: "Buy",
    price: "9.00",
    remaining_quantity: "1",
    created_at: `2026-01-0${id}T00:00:00Z`,
    list_id: null,
    ...more,
  } as Queued;
}

const ids = (orders: readonly Order[]) => orders.map(({ id }) => id).join("");

test("orders are sorted by value, not by text, and what has none stands last", () => {
  const orders = [
    order("1", { price: "10.00", queueAhead: "2" }),
    order("2", { price: null, queueAhead: null }),
    order("3", { price: "9.50", queueAhead: "10" }),
  ];
  assert.equal(ids(sorted(orders, BY_TIME)), "321");
  assert.equal(ids(sorted(orders, { key: "price", isDown: false })), "312");
  assert.equal(ids(sorted(orders, { key: "price", isDown: true })), "132");
  assert.equal(ids(sorted(orders, { key: "ahead", isDown: false })), "132");
  assert.equal(ids(sorted(orders, { key: "remaining", isDown: true })), "123");
});

test("a second press on a column turns it round", () => {
  const byPrice = sortedBy(BY_TIME, "price");
  assert.deepEqual(byPrice, { key: "price", isDown: false });
  assert.deepEqual(sortedBy(byPrice, "price"), { key: "price", isDown: true });
  assert.deepEqual(sortedBy(byPrice, "time"), BY_TIME);
});

test("orders are filtered by market and side", () => {
  const orders = [order("1"), order("2", { side: "Sell" }), order("3", { market: "ETH/USD" })];
  assert.equal(ids(filtered(orders, { market: null, side: null })), "123");
  assert.equal(ids(filtered(orders, { market: "BTC/USD", side: null })), "12");
  assert.equal(ids(filtered(orders, { market: "BTC/USD", side: "Sell" })), "2");
});

test("a list stands together where its first order does", () => {
  const orders = [order("3"), order("2", { list_id: "9" }), order("4"), order("1", { list_id: "9" })];
  assert.deepEqual(
    groupLists(orders).map(({ key, isLeg }) => key + (isLeg ? "!" : "")),
    ["3", "9", "1!", "2!", "4"],
  );
});

test("what is to be cancelled is named by market and side", () => {
  const orders = [order("1"), order("2"), order("3", { side: "Sell", market: "ETH/USD" })];
  assert.equal(namedOrders(orders), "1 Sell ETH/USD, 2 Buy BTC/USD");
});
