import assert from "node:assert/strict";
import { test } from "node:test";

import type { Order } from "../src/link/types.ts";
import { gripsOf } from "../src/state/grips.ts";
import { editOf } from "../src/state/row-edits.ts";
import { MARKET } from "./market.ts";

const PRICES = { last: null, bid: null, ask: 101n * 10n ** 18n };

function grip(more: Partial<Order> = {}) {
  const order = {
    id: "1",
    market: "BTC/USD",
    side: "Buy",
    status: "PartiallyFilled",
    order_type: "Limit",
    price: "100.00",
    quantity: "2.0000",
    filled_quantity: "0.5000",
    prevented_quantity: null,
    list_id: null,
    trigger_by: null,
    ...more,
  } as Order;
  return gripsOf([order], "BTC/USD")[0]!;
}

const edit = (price: string, quantity: string, more: Partial<Order> = {}) =>
  editOf(grip(more), { price, quantity }, MARKET, PRICES);

test("less quantity keeps the place, anything else goes to the back", () => {
  assert.deepEqual(edit("100", "1.5"), {
    amendment: { quantity: "1.5" },
    effect: "keeps",
    error: "",
  });
  assert.equal(edit("100", "2.5").effect, "back");
  assert.deepEqual(edit("99.5", "2").amendment, { price: "99.5" });
  assert.equal(edit("99.5", "1").effect, "back");
  assert.equal(edit("101", "2").effect, "trades");
  assert.equal(edit("101", "2", { post_only: true }).effect, "crosses");
});

test("nothing is sent that is the same or wrong", () => {
  assert.deepEqual(edit("100.00", "2"), { amendment: null, effect: "same", error: "" });
  for (const [price, quantity, error] of [
    ["", "2", "Price is required."],
    ["100.001", "2", "Price must be a multiple of 0.01."],
    ["100", "x", "Quantity must be a number such as 12.5."],
    ["100", "0.5", "Quantity must be more than what is filled."],
  ] as const) {
    assert.deepEqual(edit(price, quantity), { amendment: null, effect: "same", error });
  }
});

test("an order that waits is edited where it waits", () => {
  const waiting: Partial<Order> = {
    status: "Pending",
    order_type: "Stop",
    trigger_by: "Last",
    stop_price: "110.00",
    price: null,
    filled_quantity: "0.0000",
  };
  assert.deepEqual(edit("111", "2", waiting), {
    amendment: { stop_price: "111" },
    effect: "keeps",
    error: "",
  });
  assert.equal(edit("", "2", waiting).error, "Trigger is required.");
  // One by amount has no quantity.
  assert.deepEqual(edit("111", "", { ...waiting, quantity: null }).amendment, { stop_price: "111" });
});
