/** What is odd about an order: each rule by itself, off, asking or blocking. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { read, write } from "../src/core/decimal.ts";
import { OrderBook } from "../src/state/book.ts";
import { type Draft, NOTHING_ASKED, type Prices } from "../src/state/draft.ts";
import {
  AT_FIRST,
  distanceOf,
  type Rule,
  type Rules,
  RULES,
  textOf,
  warningsOf,
  warningsOfPrice,
  wholeRules,
} from "../src/state/warnings.ts";
import { MARKET } from "./market.ts";

const PRICES: Prices = { last: read("100"), bid: read("99"), ask: read("101") };
const FUNDS = { base: read("10"), quote: read("1000") };
const BOOK = new OrderBook();
BOOK.apply({ bids: [["99", "2"]], asks: [["101", "2"]], sequence: 1 });
const OFF = Object.fromEntries(
  Object.keys(RULES).map((rule) => [rule, { ...AT_FIRST[rule as Rule], act: "off" as const }]),
) as Rules;
const LIMIT: Draft = {
  ...{ side: "Buy", type: "Limit", measure: "quantity", price: "101", quantity: "1", total: "" },
  ...{ timeInForce: "GTC", isPostOnly: false, asks: NOTHING_ASKED },
};

function only(rule: Rule, limit = ""): Rules {
  return { ...OFF, [rule]: { act: "ask", limit } };
}

function texts(draft: Partial<Draft>, rules: Rules, funds: typeof FUNDS | null = FUNDS): string[] {
  const warnings = warningsOf({ ...LIMIT, ...draft }, MARKET, BOOK, PRICES, funds, rules);
  return warnings.map(({ text }) => text);
}

test("a price is through the market or away from it, counted from the side that it meets", () => {
  const percent = (side: "Buy" | "Sell", price: string, prices = PRICES) => {
    const distance = distanceOf(side, read(price), prices);
    return distance === null ? null : write(distance);
  };
  assert.equal(percent("Buy", "106.05"), "5");
  assert.equal(percent("Buy", "100"), "0");
  assert.equal(percent("Buy", "49.5"), "-50");
  assert.equal(percent("Sell", "94.05"), "5");
  assert.equal(percent("Sell", "151.5"), "-50");
  assert.equal(percent("Buy", "110", { last: read("100"), bid: null, ask: null }), "0");
  assert.equal(percent("Buy", "110", { last: null, bid: null, ask: null }), null);
  assert.equal(percent("Sell", "120", { last: null, bid: read("100"), ask: null }), "-20");
});

test("each rule speaks beyond its limit and is silent at it", () => {
  assert.deepEqual(texts({ price: "106.05" }, only("through", "5")), []);
  assert.deepEqual(texts({ price: "106.06" }, only("through", "5")), ["The price is 5.0% through the market."]);
  assert.deepEqual(texts({ price: "49.5" }, only("away", "50")), []);
  assert.deepEqual(texts({ price: "49" }, only("away", "50")), ["The price is 50.5% away from the market."]);
  const market: Partial<Draft> = { type: "Market", price: "" };
  assert.deepEqual(texts({ ...market, quantity: "2" }, only("thin")), []);
  assert.deepEqual(texts({ ...market, quantity: "2.5" }, only("thin")), ["The book has only 2 BTC."]);
  const within = { ...NOTHING_ASKED, protection: "100" };
  assert.deepEqual(texts({ ...market, asks: within }, only("thin")), ["Within its worst price the book has only 0 BTC."]);
  assert.deepEqual(texts({ ...market, measure: "amount", total: "300" }, only("thin")), ["The book has only 2 BTC."]);
  assert.deepEqual(texts({ quantity: "2" }, only("deep")), []);
  assert.deepEqual(texts({ quantity: "3" }, only("deep")), ["The other side of the book has 2 BTC in all."]);
  assert.deepEqual(texts({ price: "100", quantity: "5" }, only("share", "50")), []);
  assert.deepEqual(texts({ price: "100", quantity: "6" }, only("share", "50")), ["It takes 60% of what is available."]);
  assert.deepEqual(texts({ side: "Sell", quantity: "9" }, only("share", "50")), ["It takes 90% of what is available."]);
  assert.deepEqual(texts({ quantity: "99" }, only("share", "50")), [], "that is refused elsewhere");
  assert.deepEqual(texts({ quantity: "6" }, only("share", "50"), null), [], "funds that are not known");
  assert.deepEqual(texts({ price: "100", quantity: "100.01" }, only("worth", "10000")), ["It is worth 10,001.00 USD."]);
  assert.deepEqual(texts({ ...market, measure: "amount", total: "10001" }, only("worth", "10000")), ["It is worth 10,001.00 USD."]);
});

test("what is off says nothing, what asks and what blocks are told apart", () => {
  const odd: Partial<Draft> = { price: "300", quantity: "50" };
  assert.deepEqual(texts(odd, OFF), []);
  const rules: Rules = { ...only("deep"), through: { act: "block", limit: "5" } };
  const warnings = warningsOf({ ...LIMIT, ...odd }, MARKET, BOOK, PRICES, FUNDS, rules);
  assert.match(textOf(warnings, "block"), /^The price is 197.0% through the market.$/);
  assert.match(textOf(warnings, "ask"), /in all.$/);
});

test("an unfinished order, and one that waits for its price, are not odd by their price", () => {
  assert.deepEqual(texts({ price: "", quantity: "" }, AT_FIRST), []);
  const stop: Partial<Draft> = { type: "StopLimit", price: "500", asks: { ...NOTHING_ASKED, stop: "400" } };
  assert.deepEqual(texts(stop, AT_FIRST), []);
});

test("amended prices are judged by the same rules, and what was kept is made whole", () => {
  assert.equal(warningsOfPrice("Buy", read("110"), PRICES, AT_FIRST)[0]?.rule, "through");
  assert.deepEqual(wholeRules({ thin: { act: "off" } }), { ...AT_FIRST, thin: { act: "off", limit: "" } });
  assert.deepEqual(wholeRules(), AT_FIRST);
});
