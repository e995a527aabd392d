import assert from "node:assert/strict";
import { test } from "node:test";

import { read, write } from "../src/core/decimal.ts";
import type { Order } from "../src/link/types.ts";
import type { Prices } from "../src/state/draft.ts";
import { marksOf } from "../src/state/fill-marks.ts";
import { amendmentOf, effectOf, type Grip, gripsOf, snapped, stepped } from "../src/state/grips.ts";
import { MARKET } from "./market.ts";

const PRICES: Prices = { last: read("100"), bid: read("99"), ask: read("101") };

function order(terms: Partial<Order>): Order {
  return {
    id: "1",
    market: "BTC/USD",
    side: "Buy",
    order_type: "Limit",
    price: "98",
    quantity: "5",
    filled_quantity: "0",
    prevented_quantity: null,
    status: "New",
    post_only: false,
    stop_price: null,
    trigger_by: null,
    trail_price: null,
    trail_bps: null,
    list_id: null,
    ...terms,
  } as Order;
}

const gripOf = (terms: Partial<Order>): Grip => gripsOf([order(terms)], "BTC/USD")[0]!;
const STOP: Partial<Order> = {
  side: "Sell",
  order_type: "Stop",
  status: "Pending",
  price: null,
  stop_price: "96",
  trigger_by: "Last",
};

/** What becomes of an order that is amended to a price and a quantity. */
function effect(terms: Partial<Order>, price: string, quantity = "5"): string {
  return effectOf(gripOf(terms), { price: read(price), quantity: read(quantity) }, PRICES);
}

// The rows of docs/matching.md, "Amending", and those of what waits.
test("an order keeps its place for less at its price only", () => {
  assert.equal(effect({}, "98"), "same");
  assert.equal(effect({}, "98", "3"), "keeps");
  assert.equal(effect({}, "98", "6"), "back");
  assert.equal(effect({}, "97"), "back");
  assert.equal(effect({}, "97", "3"), "back");
});

test("one that is moved to the other side trades, unless it may not", () => {
  assert.equal(effect({}, "101"), "trades");
  assert.equal(effect({}, "100.99"), "back");
  assert.equal(effect({ post_only: true }, "101"), "crosses");
  assert.equal(effect({ side: "Sell", price: "105" }, "99"), "trades");
  assert.equal(effect({ side: "Sell", price: "105" }, "99.01"), "back");
});

test("one that waits keeps its age whatever changes, and is not moved to where it would enter", () => {
  assert.equal(effect(STOP, "97"), "keeps");
  assert.equal(effect(STOP, "96", "9"), "keeps");
  assert.equal(effect(STOP, "100"), "triggers");
  assert.equal(effect({ ...STOP, trigger_by: "Opposite" }, "99"), "triggers");
  assert.equal(effect({ ...STOP, trigger_by: "Opposite" }, "98.99"), "keeps");
  assert.equal(effect({ ...STOP, order_type: "TakeProfit", stop_price: "110" }, "100"), "triggers");
});

test("orders of this market that stand at a price have a grip, and say why they are fixed", () => {
  const orders = [
    order({ id: "1", market: "ETH/USD" }),
    order({ id: "2", price: null, order_type: "Market" }),
    order({ id: "3", list_id: "9" }),
    order({ ...STOP, id: "4", list_id: "9" }),
    order({ ...STOP, id: "5", order_type: "TrailingStop", trail_bps: 100 }),
    order({ ...STOP, id: "6", status: "Triggered" }),
    order({ id: "7", list_id: "8" }),
  ];
  assert.deepEqual(
    gripsOf(orders, "BTC/USD").map(({ order: { id }, field, fixed }) => [id, field, fixed]),
    [
      ["3", "price", "in a list with another open order"],
      ["4", "stop_price", "in a list with another open order"],
      ["5", "stop_price", "follows the market"],
      ["6", "stop_price", "triggered, its turn comes"],
      ["7", "price", ""],
    ],
  );
});

test("steps are ticks and lots, within what the market takes and above what is gone", () => {
  const grip = gripOf({ quantity: "1", filled_quantity: "0.4", prevented_quantity: "0.1" });
  const after = (ticks: number, lots: number) => {
    const { price, quantity } = stepped(grip, grip.terms, ticks, lots, MARKET);
    return [write(price), write(quantity)];
  };
  assert.deepEqual(after(1, -1), ["98.01", "0.9999"]);
  assert.deepEqual(after(-1_000_000, -1_000_000), ["0.01", "0.5001"]);
  assert.deepEqual(after(1e9, 1e9), ["100000", "5000"]);
  const byAmount = gripOf({ ...STOP, side: "Buy", quantity: null });
  assert.equal(stepped(byAmount, byAmount.terms, 0, 5, MARKET).quantity, 0n);
});

test("a point of the chart becomes the nearest price that the market takes", () => {
  assert.equal(write(snapped(98.0149, MARKET)), "98.01");
  assert.equal(write(snapped(98.0151, MARKET)), "98.02");
  assert.equal(write(snapped(-3, MARKET)), "0.01");
  assert.equal(write(snapped(NaN, MARKET)), "0.01");
  assert.equal(write(snapped(99.8, { ...MARKET, price_tick: "0.03" })), "99.81");
});

test("only what is another is sent", () => {
  const [limit, stop] = [gripOf({}), gripOf(STOP)];
  assert.deepEqual(amendmentOf(limit, { ...limit.terms, price: read("97.5") }), { price: "97.5" });
  assert.deepEqual(amendmentOf(limit, { ...limit.terms, quantity: read("3") }), { quantity: "3" });
  assert.deepEqual(amendmentOf(stop, { ...stop.terms, price: read("95") }), { stop_price: "95" });
});

test("fills of one side within one bar are one mark", () => {
  const fill = (second: number, side: string, quantity: string, market = "BTC/USD") =>
    ({ market, side, quantity, created_at: new Date(second * 1000).toISOString() }) as never;
  const fills = [
    fill(130, "Sell", "1"),
    fill(119, "Buy", "0.2"),
    fill(60, "Buy", "0.1"),
    fill(59, "Buy", "7"),
    fill(70, "Buy", "9", "ETH/USD"),
  ];
  const marks = marksOf(fills, "BTC/USD", [60, 120]);
  assert.deepEqual(
    marks.map(({ time, side, quantity }) => [time, side, write(quantity)]),
    [
      [60, "Buy", "0.3"],
      [120, "Sell", "1"],
    ],
  );
});
