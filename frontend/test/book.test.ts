import assert from "node:assert/strict";
import { test } from "node:test";
import { crc32 as zlibCrc32 } from "node:zlib";

import { groupLevels, OrderBook, sweepByQuantity, sweepByQuote } from "../src/state/book.ts";
import { crc32 } from "../src/core/crc32.ts";
import { read, write } from "../src/core/decimal.ts";
import type { BookMessage } from "../src/link/messages.ts";

const SNAPSHOT: BookMessage = {
  bids: [
    ["19000", "1"],
    ["20000", "1"],
    ["19500.5", "2"],
  ],
  asks: [
    ["21000", "0.5"],
    ["22000", "1"],
  ],
  sequence: 7,
};

function levels(side: OrderBook["bids"]): string[] {
  return side.map((level) => `${level.priceText} x ${level.quantityText}`);
}

function bookAfter(...messages: BookMessage[]): OrderBook {
  const book = new OrderBook();
  for (const message of messages) assert.equal(book.apply(message), "applied");
  return book;
}

test("a snapshot is sorted best price first, whatever its order", () => {
  const book = bookAfter(SNAPSHOT);
  assert.deepEqual(levels(book.bids), ["20000 x 1", "19500.5 x 2", "19000 x 1"]);
  assert.deepEqual(levels(book.asks), ["21000 x 0.5", "22000 x 1"]);
});

test("a delta adds, replaces and removes levels", () => {
  const book = bookAfter(SNAPSHOT, {
    bids: [
      ["20000.00", "0"],
      ["19999.99", "3"],
      ["19000", "4"],
    ],
    asks: [
      ["21500", "1"],
      ["23000", "0"],
    ],
    prev_sequence: 7,
    sequence: 9,
  });
  assert.deepEqual(levels(book.bids), ["19999.99 x 3", "19500.5 x 2", "19000 x 4"]);
  assert.deepEqual(levels(book.asks), ["21000 x 0.5", "21500 x 1", "22000 x 1"]);
  assert.equal(book.sequence, 9n);
});

test("a missed delta is a gap, and empties the book until the next snapshot", () => {
  const book = bookAfter(SNAPSHOT);
  const late: BookMessage = { bids: [["1", "1"]], asks: [], prev_sequence: 8, sequence: 9 };
  assert.equal(book.apply(late), "gap");
  assert.deepEqual([book.bids, book.asks, book.sequence], [[], [], null]);
  assert.equal(book.apply({ ...late, prev_sequence: 9, sequence: 10 }), "gap");
  assert.equal(book.apply(SNAPSHOT), "applied");
});

test("a delta that is not newer is dropped", () => {
  const book = bookAfter(SNAPSHOT);
  const old: BookMessage = { bids: [["20000", "9"]], asks: [], prev_sequence: 6, sequence: 7 };
  assert.equal(book.apply(old), "stale");
  assert.equal(levels(book.bids)[0], "20000 x 1");
});

test("a later snapshot replaces everything", () => {
  const book = bookAfter(SNAPSHOT, { bids: [["5", "1"]], asks: [], sequence: 30 });
  assert.deepEqual([levels(book.bids), levels(book.asks)], [["5 x 1"], []]);
});

test("the checksum covers the best ten levels a side, bid and ask by turns, as sent", () => {
  const bids = Array.from({ length: 12 }, (_, i): [string, string] => [`${100 - i}.0`, `1.${i}0`]);
  const asks: [string, string][] = [
    ["101", "2"],
    ["102", "3.50"],
  ];
  const book = bookAfter({ bids, asks, sequence: 1 });
  const text =
    "100.0:1.00:101:2:99.0:1.10:102:3.50:98.0:1.20:97.0:1.30:96.0:1.40:95.0:1.50:94.0:1.60:" +
    "93.0:1.70:92.0:1.80:91.0:1.90";
  assert.equal(book.checksumText(), text);
  const checksum = zlibCrc32(text);
  assert.equal(book.apply({ bids, asks, sequence: 2, checksum }), "applied");
  assert.equal(book.apply({ bids, asks, sequence: 3, checksum: checksum ^ 1 }), "corrupt");
  assert.equal(book.sequence, null);
});

test("an empty book has the checksum of the empty text", () => {
  assert.equal(new OrderBook().apply({ bids: [], asks: [], sequence: 0, checksum: 0 }), "applied");
});

test("a level that is no decimal makes the message corrupt", () => {
  const book = bookAfter(SNAPSHOT);
  const bad: BookMessage = { bids: [["1e5", "1"]], asks: [], prev_sequence: 7, sequence: 8 };
  assert.equal(book.apply(bad), "corrupt");
});

test("a book stays sorted and agrees with a plain map under random deltas", () => {
  const book = bookAfter({ bids: [], asks: [], sequence: 0 });
  const expected = new Map<number, number>();
  let seed = 42;
  const random = (below: number) => {
    seed = (seed * 1103515245 + 12345) % 2147483648;
    return Math.floor((seed / 2147483648) * below);
  };
  for (let sequence = 1; sequence <= 3000; sequence += 1) {
    const price = 1 + random(60);
    const quantity = random(4);
    if (quantity) expected.set(price, quantity);
    else expected.delete(price);
    const delta: [string, string][] = [[`${price}`, `${quantity}`]];
    const message = { bids: delta, asks: delta, prev_sequence: sequence - 1, sequence };
    assert.equal(book.apply(message), "applied");
  }
  const rising = [...expected].sort(([a], [b]) => a - b).map(([p, q]) => `${p} x ${q}`);
  assert.deepEqual(levels(book.asks), rising);
  assert.deepEqual(levels(book.bids), [...rising].reverse());
});

test("crc32 is zlib's, for any UTF-8 text", () => {
  for (const text of ["", "123456789", "20000:1:21000:0.5", "prix élevé 𝟙"]) {
    assert.equal(crc32(text), zlibCrc32(text));
  }
});

test("groups round bids down and asks up, and sum from the best price on", () => {
  const book = bookAfter({
    bids: [
      ["101.9", "1"],
      ["101.1", "2"],
      ["100.5", "4"],
      ["99", "8"],
    ],
    asks: [
      ["102.1", "1"],
      ["103", "2"],
      ["103.5", "4"],
    ],
    sequence: 1,
  });
  const shown = (rows: ReturnType<typeof groupLevels>) =>
    rows.map((row) => [row.price, row.quantity, row.cumulative, row.amount].map(write).join(" "));
  assert.deepEqual(shown(groupLevels(book.bids, read("1"), true, 2)), ["101 3 3 304.1", "100 4 7 706.1"]);
  assert.deepEqual(shown(groupLevels(book.asks, read("1"), false, 9)), ["103 3 3 308.1", "104 4 7 722.1"]);
});

test("a sweep costs a market order on the book", () => {
  const book = bookAfter(SNAPSHOT);
  const { matches, ...byQuantity } = sweepByQuantity(book, "Buy", read("1"));
  assert.equal(matches.length, 2);
  assert.deepEqual(byQuantity, { quantity: read("1"), cost: read("21500"), complete: true });
  assert.equal(sweepByQuantity(book, "Sell", read("9")).complete, false);
  const { matches: _, ...byQuote } = sweepByQuote(book, "Buy", read("10501"), read("0.01"));
  assert.deepEqual(byQuote, { quantity: read("0.5"), cost: read("10500"), complete: true });
  assert.equal(sweepByQuote(book, "Buy", read("100"), read("0.01")).complete, false);
});
