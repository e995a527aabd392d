import assert from "node:assert/strict";
import { test } from "node:test";

import { OrderBook } from "../src/state/book.ts";
import { read, write } from "../src/core/decimal.ts";
import { feeOf, ratesOf } from "../src/state/fees.ts";
import { type Draft, NOTHING_ASKED } from "../src/state/draft.ts";
import {
  checkDraft,
  estimate,
  priceBand,
  quantityForTotal,
  shareOf,
  totalOf,
} from "../src/state/ticket-rules.ts";
import { MARKET } from "./market.ts";

const RATES = { maker: "0.001", taker: "0.002" };
const FUNDS = { base: read("2"), quote: read("1000") };
const LIMIT: Draft = {
  side: "Buy",
  type: "Limit",
  measure: "quantity",
  price: "100",
  quantity: "1",
  total: "",
  timeInForce: "GTC",
  isPostOnly: false,
  asks: NOTHING_ASKED,
};
const BOOK = new OrderBook();
BOOK.apply({
  bids: [["99", "5"]],
  asks: [
    ["100", "1"],
    ["110", "10"],
  ],
  sequence: 1,
});

test("a good limit order becomes the terms the API takes", () => {
  const draft: Draft = { ...LIMIT, price: "100.50", quantity: ".5", isPostOnly: true };
  assert.deepEqual(checkDraft(draft, MARKET, FUNDS), {
    terms: {
      market: "BTC/USD",
      side: "Buy",
      order_type: "Limit",
      price: "100.5",
      quantity: "0.5",
      time_in_force: "GTC",
      post_only: true,
    },
    errors: {},
  });
});

test("market orders are given by quantity or by amount, and have no time in force", () => {
  const byAmount: Draft = { ...LIMIT, type: "Market", measure: "amount", total: "250" };
  assert.deepEqual(checkDraft(byAmount, MARKET, FUNDS).terms, {
    market: "BTC/USD",
    side: "Buy",
    order_type: "Market",
    quote_quantity: "250",
  });
  const byQuantity: Draft = { ...LIMIT, type: "Market" };
  assert.deepEqual(checkDraft(byQuantity, MARKET, FUNDS).terms, {
    market: "BTC/USD",
    side: "Buy",
    order_type: "Market",
    quantity: "1",
  });
});

const REFUSED: [string, Partial<Draft>, Record<string, string>][] = [
  [
    "empty",
    { price: "", quantity: "" },
    { price: "Price is required.", quantity: "Quantity is required." },
  ],
  ["no number", { price: "1e5" }, { price: "Price must be a number such as 12.5." }],
  [
    "a decimal comma",
    { price: "60000,5" },
    {
      price:
        "Price: write a point before decimals (12.5); a comma only parts thousands (1,000).",
    },
  ],
  ["above the highest price", { price: "100,000.01" }, { price: "Price must be at most 100,000." }],
  ["above the largest quantity", { quantity: "5001" }, { quantity: "Quantity must be at most 5,000." }],
  [
    "above the largest amount",
    { price: "1000", quantity: "1000.0001" },
    {
      quantity: "The order may be worth at most 1,000,000 USD.",
      total: "Only 1,000 USD available.",
    },
  ],
  ["zero", { quantity: "0.0" }, { quantity: "Quantity must be more than 0." }],
  ["negative", { quantity: "-1" }, { quantity: "Quantity must be more than 0." }],
  ["off tick", { price: "100.001" }, { price: "Price must be a multiple of 0.01." }],
  ["off lot", { quantity: "1.00001" }, { quantity: "Quantity must be a multiple of 0.0001." }],
  ["too small", { quantity: "0.0999" }, { quantity: "The order must be worth at least 10 USD." }],
  ["too dear", { quantity: "10.0001" }, { total: "Only 1,000 USD available." }],
  ["too much to sell", { side: "Sell", quantity: "2.0001" }, { quantity: "Only 2 BTC available." }],
];
for (const [name, change, errors] of REFUSED) {
  test(`a draft that is ${name} names its field`, () => {
    const checked = checkDraft({ ...LIMIT, ...change }, MARKET, FUNDS);
    assert.deepEqual(checked, { terms: null, errors });
  });
}

test("funds that are not known yet are the exchange's to check", () => {
  const { terms } = checkDraft({ ...LIMIT, quantity: "1000" }, MARKET, null);
  assert.equal(terms?.quantity, "1000");
});

test("the fee is estimated on what is received, rounded up", () => {
  const bought = estimate(LIMIT, MARKET, BOOK, RATES);
  assert.deepEqual(
    [write(bought.fee!), write(bought.receive!), bought.asset],
    ["0.002", "0.998", "BTC"],
  );
  const sold = estimate({ ...LIMIT, side: "Sell", isPostOnly: true }, MARKET, BOOK, RATES);
  assert.deepEqual([write(sold.fee!), write(sold.receive!), sold.asset], ["0.1", "99.9", "USD"]);
  const tiny = estimate(
    { ...LIMIT, price: "0.01", quantity: "0.0001", side: "Sell", isPostOnly: true },
    MARKET,
    BOOK,
    RATES,
  );
  assert.equal(write(tiny.fee!), "0.00000001");
});

test("a fee is never less than the asset's smallest unit, and an account's own rates win", () => {
  const whole = { ...MARKET, base_scale: 0, quantity_step: "1" };
  const account = { id: "a", label: "", role: "Owner", owner: "" } as const;
  const rates = ratesOf(whole, { ...account, maker_fee: null, taker_fee: "0.006" });
  assert.deepEqual(rates, { maker: "0.001", taker: "0.006" });
  const one = estimate(LIMIT, whole, BOOK, rates);
  assert.deepEqual([write(one.fee!), write(one.receive!)], ["1", "0"]);
  // A rebate is no part of what is received.
  const [rebate, nothing] = ["-0.0015", "0"].map((rate) => write(feeOf(read("1001"), rate, 0)));
  assert.deepEqual([rebate, nothing], ["0", "0"]);
});

test("what crosses pays the taker's rate at the book's prices, what rests the maker's", () => {
  const draft: Draft = { ...LIMIT, price: "105", quantity: "3" };
  const both = estimate(draft, MARKET, BOOK, RATES);
  assert.deepEqual([both.rates, write(both.fee!)], [["0.002", "0.001"], "0.004"]);
  const atOnce = estimate({ ...draft, timeInForce: "IOC" }, MARKET, BOOK, RATES);
  assert.deepEqual([write(atOnce.receive!), atOnce.isCovered], ["0.998", false]);
  const allOrNone = estimate({ ...draft, timeInForce: "FOK" }, MARKET, BOOK, RATES);
  assert.deepEqual([allOrNone.receive, allOrNone.isCovered], [null, false]);
});

test("the band is told in ticks that the exchange takes", () => {
  assert.equal(priceBand({ ...MARKET, price_tick: "0.3" }, "10"), "from 9.0 to 10.8");
  assert.equal(priceBand({ ...MARKET, max_price_deviation: null }, "10"), null);
});

test("a market order is estimated at the book's average, and says when the book ends", () => {
  const market: Draft = { ...LIMIT, type: "Market", quantity: "2" };
  assert.equal(write(estimate(market, MARKET, BOOK, RATES).price!), "105");
  assert.equal(estimate({ ...market, quantity: "12" }, MARKET, BOOK, RATES).isCovered, false);
  const byAmount = estimate({ ...market, measure: "amount", total: "210" }, MARKET, BOOK, RATES);
  assert.deepEqual([write(byAmount.price!), byAmount.isCovered], ["105", true]);
});

test("shares of the funds are whole lots that the funds cover", () => {
  const share = (percent: number, change: Partial<Draft>) =>
    shareOf(percent, { ...LIMIT, ...change }, MARKET, FUNDS, BOOK);
  assert.deepEqual(share(50, { price: "3" }), { field: "quantity", value: "166.6666" });
  assert.deepEqual(share(25, { side: "Sell" }), { field: "quantity", value: "0.5" });
  assert.deepEqual(share(100, { type: "Market" }), { field: "quantity", value: "9.1818" });
  assert.deepEqual(share(75, { type: "Market", measure: "amount" }), {
    field: "total",
    value: "750",
  });
  assert.equal(share(100, { price: "" }), null);
});

test("total and quantity follow each other", () => {
  assert.equal(totalOf("20000.01", "0.3"), "6000.003");
  assert.equal(quantityForTotal("100", "3", MARKET), "33.3333");
  assert.equal(quantityForTotal("100", "0", MARKET), null);
});
