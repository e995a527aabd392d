import assert from "node:assert/strict";
import { test } from "node:test";

import { read } from "../src/core/decimal.ts";
import { type Asks, type Draft, NOTHING_ASKED, type Prices } from "../src/state/draft.ts";
import { checkTicket } from "../src/state/exits.ts";
import { groupLists, listTitle } from "../src/state/open-rows.ts";
import type { Order } from "../src/link/types.ts";
import { MARKET } from "./market.ts";

const FUNDS = { base: read("2"), quote: read("1000") };
const PRICES: Prices = { last: read("100"), bid: read("99"), ask: read("101") };
const ENTRY: Draft = {
  side: "Buy",
  type: "Limit",
  measure: "quantity",
  price: "99",
  quantity: "1",
  total: "",
  timeInForce: "GTC",
  isPostOnly: false,
  asks: NOTHING_ASKED,
};

function checked(change: Partial<Draft>, asks: Partial<Asks> = {}) {
  const draft = { ...ENTRY, ...change, asks: { ...NOTHING_ASKED, ...asks } };
  return checkTicket(draft, MARKET, FUNDS, PRICES);
}

const BOUGHT = { side: "Buy", order_type: "Limit", price: "99", quantity: "1", time_in_force: "GTC" };
const PROFIT = { side: "Sell", order_type: "Limit", price: "110", quantity: "1" };
const LOSS = { side: "Sell", order_type: "Stop", stop_price: "90", quantity: "1" };

test("an order without exits is an order", () => {
  const { terms, list, errors } = checked({});
  assert.deepEqual([terms, list, errors], [{ market: "BTC/USD", ...BOUGHT }, null, {}]);
});

test("exits follow a limit order", () => {
  const { terms, list } = checked({}, { profit: "110", loss: "90" });
  assert.equal(terms, null);
  assert.deepEqual(list, { market: "BTC/USD", kind: "OTOCO", orders: [BOUGHT, PROFIT, LOSS] });
});

test("one exit alone follows it, too", () => {
  const { list } = checked({}, { loss: "90" });
  assert.deepEqual(list, { market: "BTC/USD", kind: "OTO", orders: [BOUGHT, LOSS] });
});

test("of two exits one cancels the other", () => {
  const { list } = checked({ type: "OCO", side: "Sell" }, { profit: "110", loss: "90" });
  assert.deepEqual(list, { market: "BTC/USD", kind: "OCO", orders: [PROFIT, LOSS] });
});

const WRONG: [string, Partial<Draft>, Partial<Asks>, string, RegExp][] = [
  ["a profit below a bought price", {}, { profit: "98" }, "profit", /above the order's price, 99.00/],
  ["a loss above it", {}, { loss: "99" }, "loss", /below the order's price/],
  ["a profit off the tick", {}, { profit: "110.001" }, "profit", /multiple of 0.01/],
  ["a sold entry's loss below it", { side: "Sell" }, { loss: "90" }, "loss", /above/],
  ["a pair without a profit", { type: "OCO", side: "Sell" }, { loss: "90" }, "profit", /required/],
  ["a pair without a loss", { type: "OCO", side: "Sell" }, { profit: "110" }, "loss", /required/],
  [
    "a pair beside the last price",
    { type: "OCO", side: "Sell" },
    { profit: "100", loss: "90" },
    "profit",
    /above the last price, 100.00/,
  ],
  [
    "more than there is",
    { type: "OCO", side: "Sell", quantity: "3" },
    { profit: "110", loss: "90" },
    "quantity",
    /available/,
  ],
];

for (const [name, change, asks, field, text] of WRONG) {
  test(`${name} is refused at its field`, () => {
    const { list, terms, errors } = checked(change, asks);
    assert.deepEqual([terms, list], [null, null]);
    assert.match(errors[field as keyof typeof errors] ?? "", text);
  });
}

function order(id: string, list_id: string | null = null, leg: Order["leg"] = null): Order {
  return { id, list_id, leg } as Order;
}

test("orders of a list stand together below it, as they were placed", () => {
  const rows = groupLists([
    order("9"),
    order("8", "5", "Pending"),
    order("7", "5", "Pending"),
    order("6", "5", "Working"),
    order("4"),
  ]);
  assert.deepEqual(
    rows.map((row) => [row.key, row.order?.id ?? null, row.isLeg]),
    [
      ["9", "9", false],
      ["5", null, false],
      ["6", "6", true],
      ["7", "7", true],
      ["8", "8", true],
      ["4", "4", false],
    ],
  );
  assert.equal(listTitle(rows[1]!.orders), "Entry with exits");
  assert.equal(listTitle([order("1", "0", "One"), order("2", "0", "One")]), "One cancels the other");
});
