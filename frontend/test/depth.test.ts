import assert from "node:assert/strict";
import { test } from "node:test";

import { read, write } from "../src/core/decimal.ts";
import type { Order } from "../src/link/types.ts";
import { OrderBook } from "../src/state/book.ts";
import { bidShare, spreadOf } from "../src/state/book-figures.ts";
import { depthOf, levelAt } from "../src/state/depth.ts";
import { aheadText, ownLevels, type Queued } from "../src/state/own-levels.ts";
import { MARKET } from "./market.ts";

function bookOf(bids: [string, string][], asks: [string, string][]): OrderBook {
  const book = new OrderBook();
  book.apply({ bids, asks, sequence: 1 });
  return book;
}

const BOOK = bookOf(
  [
    ["99", "0.1"],
    ["98", "0.2"],
    ["50", "7"],
  ],
  [
    ["101", "0.3"],
    ["102", "0.00000001"],
  ],
);
const shown = (points: { price: bigint; quantity: bigint; amount: bigint }[]) =>
  points.map((point) => [point.price, point.quantity, point.amount].map(write).join(" "));

test("sums are exact, from the best price on, in base and in quote", () => {
  const depth = depthOf(BOOK, 200)!;
  assert.deepEqual(shown(depth.bids), ["99 0.1 9.9", "98 0.3 29.5"]);
  assert.deepEqual(shown(depth.asks), ["101 0.3 30.3", "102 0.30000001 30.30000102"]);
  assert.equal(write(depth.deepest), "0.30000001");
  assert.deepEqual([depth.low, depth.middle, depth.high].map(write), ["98", "100", "102"]);
});

test("all of a book reaches as far to both sides as its farthest level", () => {
  const depth = depthOf(BOOK, null)!;
  assert.deepEqual([depth.low, depth.high].map(write), ["50", "150"]);
  assert.equal(depth.bids.length, 3);
});

test("a book with one side has its best price in the middle, an empty one no depth", () => {
  assert.equal(write(depthOf(bookOf([], [["7", "1"]]), 100)!.middle), "7");
  assert.equal(depthOf(new OrderBook(), 100), null);
});

test("a price belongs to the level whose sum stands there", () => {
  const depth = depthOf(BOOK, 200)!;
  const at = (price: string) => write(levelAt(depth, read(price))!.price);
  assert.deepEqual(["98.5", "98", "97", "99.5", "100.5", "101", "101.9", "150"].map(at), [
    ...["99", "98", "98", "99", "101", "101", "101", "102"],
  ]);
});

test("own orders are told by level: how much is left of them, and what stands before the first", () => {
  const order = (id: string, price: string, terms: Partial<Queued> = {}): Queued => ({
    ...({ id, market: "BTC/USD", side: "Buy", status: "New", price } as Order),
    remaining_quantity: "1",
    ...terms,
  });
  const orders = [
    order("1", "98.7", { queueAhead: "0.42" }),
    order("2", "98.1", { queueAhead: "0.4" }),
    order("3", "98.9"),
    order("4", "97"),
    order("5", "97", { side: "Sell" }),
    order("6", "97", { status: "Pending" }),
    order("7", "97", { market: "ETH/USD" }),
  ];
  const levels = ownLevels(orders, "BTC/USD", "Buy", read("1"));
  assert.deepEqual(
    [...levels].map(([price, { count, remaining, ahead }]) => [
      ...[write(price), count, write(remaining), ahead],
    ]),
    [
      ["98", 3, "3", "0.4"],
      ["97", 1, "1", null],
    ],
  );
});

test("a place is told in the market's quantities", () => {
  assert.deepEqual([aheadText("0", MARKET), aheadText("0.42", MARKET)], [
    ...["first in line", "0.4200 ahead"],
  ]);
});

test("a spread is told in ten thousandths of the middle, and which side is heavier", () => {
  const spread = spreadOf(BOOK)!;
  assert.deepEqual([write(spread.gap), write(spread.bps)], ["2", "200"]);
  assert.equal(spreadOf(bookOf([], [["7", "1"]])), null);
  assert.deepEqual([bidShare(bookOf([["1", "1"]], [["2", "2"]])), bidShare(new OrderBook())], [33, null]);
});
