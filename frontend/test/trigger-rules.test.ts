import assert from "node:assert/strict";
import { test } from "node:test";

import { read, write } from "../src/core/decimal.ts";
import { type Asks, type Draft, NOTHING_ASKED, type Prices } from "../src/state/draft.ts";
import { isReachedRising, type OrderKind } from "../src/state/order-kinds.ts";
import { OrderBook } from "../src/state/book.ts";
import { checkDraft, estimate, shareOf } from "../src/state/ticket-rules.ts";
import { holdOf, triggerOf, worstPrice } from "../src/state/trigger-rules.ts";
import { MARKET } from "./market.ts";

const FUNDS = { base: read("2"), quote: read("1000") };
const PRICES: Prices = { last: read("100"), bid: read("99"), ask: read("101") };
const PLAIN: Draft = {
  side: "Sell",
  type: "Limit",
  measure: "quantity",
  price: "100",
  quantity: "1",
  total: "",
  timeInForce: "GTC",
  isPostOnly: false,
  asks: NOTHING_ASKED,
};

function draft(change: Partial<Draft>, asks: Partial<Asks> = {}): Draft {
  return { ...PLAIN, ...change, asks: { ...NOTHING_ASKED, ...asks } };
}

function checked(change: Partial<Draft>, asks: Partial<Asks> = {}) {
  return checkDraft(draft(change, asks), MARKET, FUNDS, PRICES);
}

const SOLD = { market: "BTC/USD", side: "Sell", quantity: "1" };

const TAKEN: [string, Partial<Draft>, Partial<Asks>, object][] = [
  ["a stop", { type: "Stop" }, { stop: "90.50" }, { order_type: "Stop", stop_price: "90.5" }],
  [
    "a stop until midnight",
    { type: "Stop", timeInForce: "Day" },
    { stop: "90" },
    { order_type: "Stop", stop_price: "90", time_in_force: "Day" },
  ],
  [
    "a stop limit",
    { type: "StopLimit" },
    { stop: "90" },
    { order_type: "StopLimit", stop_price: "90", price: "100", time_in_force: "GTC" },
  ],
  [
    "a take profit by the best price",
    { type: "TakeProfit" },
    { stop: "100", triggerBy: "Opposite" },
    { order_type: "TakeProfit", stop_price: "100", trigger_by: "Opposite" },
  ],
  [
    "a trailing stop by percent",
    { type: "TrailingStop" },
    { trail: "1.25", activation: "110" },
    { order_type: "TrailingStop", trail_bps: 125, activation_price: "110" },
  ],
  [
    "a trailing stop by a price",
    { type: "TrailingStop" },
    { trail: "5", trailUnit: "price" },
    { order_type: "TrailingStop", trail_price: "5" },
  ],
  [
    "an iceberg that slides",
    { isPostOnly: true },
    { show: "0.1", slides: true },
    {
      ...{ order_type: "Limit", price: "100", time_in_force: "GTC", post_only: true },
      ...{ post_only_mode: "Slide", display_quantity: "0.1" },
    },
  ],
  [
    "a market order with a worst price",
    { type: "Market" },
    { protection: "95", selfTrade: "Maker" },
    { order_type: "Market", protection_price: "95", self_trade_prevention: "Maker" },
  ],
];
for (const [name, change, asks, terms] of TAKEN) {
  test(`${name} becomes the terms the API takes`, () => {
    assert.deepEqual(checked(change, asks), { terms: { ...SOLD, ...terms }, errors: {} });
  });
}

test("an order that is good until a time says when in UTC", () => {
  const until = "2199-01-31T12:00";
  const { terms } = checked({ timeInForce: "GTD" }, { until });
  assert.equal(terms?.expires_at, new Date(until).toISOString());
});

test("what another kind of order has is not sent", () => {
  const asks = { stop: "1", trail: "1", activation: "1", until: "x", slides: true } as const;
  const { terms } = checked({ timeInForce: "IOC" }, { ...asks, show: "0.1", protection: "1" });
  const sent = { order_type: "Limit", price: "100", time_in_force: "IOC" };
  assert.deepEqual(terms, { ...SOLD, ...sent });
});

const REFUSED: [string, Partial<Draft>, Partial<Asks>, object][] = [
  ["has no trigger", { type: "Stop" }, {}, { stop: "Trigger price is required." }],
  [
    "is there already",
    { type: "Stop" },
    { stop: "100" },
    { stop: "Trigger price must be below the last price, 100.00 now." },
  ],
  [
    "is there already, rising",
    { type: "Stop", side: "Buy" },
    { stop: "99" },
    { stop: "Trigger price must be above the last price, 100.00 now." },
  ],
  [
    "takes no profit",
    { type: "TakeProfitLimit" },
    { stop: "99", triggerBy: "Opposite" },
    { stop: "Trigger price must be above the best price, 99.00 now." },
  ],
  ["has no trail", { type: "TrailingStop" }, {}, { trail: "Distance is required." }],
  [
    "trails too closely",
    { type: "TrailingStop" },
    { trail: "0.09" },
    { trail: "Distance must be at least 0.1%." },
  ],
  [
    "trails too far behind",
    { type: "TrailingStop" },
    { trail: "20.01" },
    { trail: "Distance must be at most 20." },
  ],
  [
    "trails by half a ten thousandth",
    { type: "TrailingStop" },
    { trail: "1.005" },
    { trail: "Distance must be a multiple of 0.01." },
  ],
  ["shows too little", {}, { show: "0.0099" }, { show: "At least 0.01 of it must be shown." }],
  ["ends never", { timeInForce: "GTD" }, {}, { until: "Say until when the order is good." }],
  [
    "has ended",
    { timeInForce: "GTD" },
    { until: "2020-01-01T00:00" },
    { until: "This time has passed." },
  ],
  [
    "has a worst price off the tick",
    { type: "Market" },
    { protection: "1.001" },
    { protection: "Worst price must be a multiple of 0.01." },
  ],
  [
    "could cost more than there is",
    { type: "Stop", side: "Buy", quantity: "10" },
    { stop: "101" },
    { quantity: "Only 1,000 USD available." },
  ],
];
for (const [name, change, asks, errors] of REFUSED) {
  test(`a draft that ${name} names its field`, () => {
    assert.deepEqual(checked(change, asks), { terms: null, errors });
  });
}

test("without a price to compare with, the exchange says whether an order would trigger", () => {
  const unknown = { last: null, bid: null, ask: null };
  const stop = draft({ type: "Stop" }, { stop: "200" });
  assert.deepEqual(checkDraft(stop, MARKET, FUNDS, unknown).errors, {});
});

test("stops wait for worse prices, take profits for better ones", () => {
  const rising = (kind: OrderKind) => [isReachedRising(kind, "Buy"), isReachedRising(kind, "Sell")];
  assert.deepEqual(rising("Stop"), [true, false]);
  assert.deepEqual(rising("TrailingStop"), [true, false]);
  assert.deepEqual(rising("TakeProfitLimit"), [false, true]);
});

test("the trigger is told with its distance from the last price", () => {
  const told = (change: Partial<Draft>, asks: Partial<Asks>) => {
    const trigger = triggerOf(draft(change, asks), MARKET, PRICES)!;
    return [write(trigger.price), trigger.rises, write(trigger.distance!)];
  };
  assert.deepEqual(told({ type: "Stop" }, { stop: "95" }), ["95", false, "-5"]);
  assert.deepEqual(told({ type: "TakeProfit" }, { stop: "104" }), ["104", true, "4"]);
  assert.deepEqual(told({ type: "TrailingStop" }, { trail: "3.333" }), ["96.66", false, "-3.34"]);
  const buy = { type: "TrailingStop", side: "Buy" } as const;
  assert.deepEqual(told(buy, { trail: "5", trailUnit: "price", triggerBy: "Opposite" }), [
    "106",
    true,
    "6",
  ]);
  assert.deepEqual(told(buy, { trail: "10", activation: "80" }), ["88", true, "-12"]);
  assert.equal(triggerOf(draft({ type: "Stop" }), MARKET, PRICES), null);
});

test("what is held depends on what could be paid at worst", () => {
  const held = (change: Partial<Draft>, asks: Partial<Asks> = {}) => {
    const hold = holdOf(draft(change, asks), MARKET, PRICES);
    return hold && [write(hold.amount), hold.asset, hold.isExact];
  };
  assert.deepEqual(held({ type: "Stop" }, { stop: "95" }), ["1", "BTC", true]);
  const buy = { type: "Stop", side: "Buy" } as const;
  assert.deepEqual(held(buy, { stop: "110.01" }), ["115.52", "USD", true]);
  assert.deepEqual(held(buy, { stop: "110", protection: "120" }), ["120", "USD", true]);
  assert.deepEqual(held({ ...buy, measure: "amount", total: "50" }), ["50", "USD", true]);
  assert.deepEqual(held({ type: "StopLimit", side: "Buy" }, { stop: "110" }), ["100", "USD", true]);
  const trailing = { type: "TrailingStop", side: "Buy" } as const;
  assert.deepEqual(held(trailing, { trail: "10" }), ["115.5", "USD", false]);
  assert.equal(held({ ...buy, quantity: "" }, { stop: "110" }), null);
  assert.equal(worstPrice(draft(buy), MARKET, PRICES), null);
});

test("shares of the funds cover what an order that waits would hold", () => {
  const book = new OrderBook();
  const share = (change: Partial<Draft>, asks: Partial<Asks> = {}) =>
    shareOf(50, draft(change, asks), MARKET, FUNDS, book, PRICES);
  assert.deepEqual(share({ type: "Stop" }), { field: "quantity", value: "1" });
  const buy = { type: "Stop", side: "Buy" } as const;
  assert.deepEqual(share(buy, { stop: "110" }), { field: "quantity", value: "4.329" });
  assert.deepEqual(share({ ...buy, measure: "amount" }), { field: "total", value: "500" });
  assert.equal(share(buy), null);
});

test("the book beyond the worst price is not counted on", () => {
  const book = new OrderBook();
  const levels = { bids: [["99", "1"], ["90", "1"]], asks: [], sequence: 1 };
  book.apply(levels as never);
  const rates = { maker: "0", taker: "0" };
  const market = draft({ type: "Market", quantity: "2" }, { protection: "95" });
  const guess = estimate(market, MARKET, book, rates);
  assert.deepEqual([write(guess.receive!), guess.isCovered], ["99", false]);
});
